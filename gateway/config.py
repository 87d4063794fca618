"""Settings of one gateway process: the only reader of the environment.

What applications may ask for and who answers them stands in the routing file, not here. This room turns strings into
typed values and refuses what it can't read with one line; what a value means is for the room that is given it.
"""

import difflib
import ipaddress
import math
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo

PREFIX = "HEADRACE_"
REDIS_SCHEMES = ("redis", "rediss", "redis+sentinel", "redis+cluster", "unix")

# What a Kubernetes service named `headrace` (or `headrace-admin`, ...) puts into every pod of its namespace.
_SERVICE_LINK = re.compile(
    r"HEADRACE_(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
)
_SERVICE_LINK_PORT = re.compile(r"HEADRACE_(?:\w+_)?PORT")
_SERVICE_URL = re.compile(r"(?:tcp|udp|sctp)://")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class SettingsError(Exception):
    """A setting that can't be used; the message is one line that names it and what is allowed."""


def parse_duration(value: Any) -> Any:
    """`250ms`, `2s`, `10m`, `24h` → seconds. Numbers are taken as they are: only flags and tests bring them."""
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value.strip())
    if match is None:
        raise ValueError("not a duration")
    return float(match[1]) * _SECONDS[match[2]]


def _listed(value: Any) -> Any:
    return (
        tuple(part for part in (piece.strip() for piece in value.split(",")) if part)
        if isinstance(value, str)
        else value
    )


def _lowered(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


def _origins(value: Any) -> Any:
    origins = _listed(value)
    for origin in origins:
        if origin != "*" and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/\s]+", origin):
            raise ValueError("not an origin")
    return origins


def _networks(value: Any) -> Any:
    return tuple(str(ipaddress.ip_network(network, strict=False)) for network in _listed(value))


def _listen_address(value: Any) -> Any:
    if isinstance(value, str):
        host, _, port = value.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise ValueError("not host:port")
    return value


def _redis_url(value: Any) -> Any:
    if isinstance(value, str) and value.partition("://")[0] not in REDIS_SCHEMES:
        raise ValueError("not a Redis URL")
    return value


def _http_url(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"https?://[^/\s]+\S*", value):
        raise ValueError("not an HTTP URL")
    return value


def _header_value(value: Any) -> Any:
    """A key travels in a header: printable ASCII without spaces."""
    if isinstance(value, str) and not re.fullmatch(r"[!-~]+", value):
        raise ValueError("not a header value")
    return value


Seconds = Annotated[float, BeforeValidator(parse_duration), Field(ge=0, allow_inf_nan=False)]
HeaderSecret = Annotated[SecretStr, BeforeValidator(_header_value)]


def _field(default: Any, description: str, allowed: str) -> Any:
    return Field(default, description=description, json_schema_extra={"allowed": allowed})


def granted_cpus(root: Path = Path("/")) -> int:
    """The CPUs that this process may use: its affinity, cut by the cgroup's quota (v2 or v1), rounded up.

    `os.cpu_count` is the machine's, which in a container is usually many times what is granted.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([affinity, *(math.ceil(quota) for quota in _cgroup_quotas(root))]))


def _cgroup_quotas(root: Path) -> Iterator[float]:
    """Quotas in CPUs along the way from our cgroup to the top: the tightest holds."""
    try:
        memberships = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for membership in memberships:
        _, controllers, path = membership.split(":", 2)
        if not controllers:
            base, read = root / "sys/fs/cgroup", _quota_v2
        elif "cpu" in controllers.split(","):
            base, read = root / "sys/fs/cgroup" / controllers, _quota_v1
        else:
            continue
        # Inside a container the path may name a place that only the host can see: then the top is ours.
        here = base / path.lstrip("/")
        for directory in [here, *here.parents]:
            if directory.is_relative_to(base) and (quota := read(directory)) is not None:
                yield quota


def _quota_v2(directory: Path) -> float | None:
    quota, _, period = _first_line(directory / "cpu.max").partition(" ")
    return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() and int(period) else None


def _quota_v1(directory: Path) -> float | None:
    quota, period = _first_line(directory / "cpu.cfs_quota_us"), _first_line(directory / "cpu.cfs_period_us")
    return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() and int(period) else None


def _first_line(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


class Settings(BaseModel):
    """Everything that can be set from outside the routing file."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: str = _field("127.0.0.1", "Address that applications reach the gateway at.", "a host name or an IP address")
    port: Annotated[int, Field(ge=1, le=65535)] = _field(
        8080, "Port that applications reach the gateway at.", "a whole number from 1 to 65535"
    )
    admin_listen: Annotated[str, BeforeValidator(_listen_address)] | None = _field(
        None,
        "Another address for `/admin`, `/dashboard` and `/metrics`, which are then absent from the first.",
        "host:port",
    )
    workers: Annotated[int, Field(ge=1, le=1024)] = Field(
        default_factory=granted_cpus,
        description="Worker processes. The default is the CPUs that the cgroup grants.",
        json_schema_extra={"allowed": "a whole number from 1 to 1024"},
    )
    redis_url: Annotated[SecretStr, BeforeValidator(_redis_url)] | None = _field(
        None,
        "A shared Redis. Unset: a private Valkey in the data dir, on a unix socket, with an append-only file.",
        " or ".join(f"{scheme}://" for scheme in REDIS_SCHEMES) + "...",
    )
    data_dir: Path = _field(
        Path(".headrace"),
        "Journal, embedded Redis, and the admin key made at first start (mode 0600).",
        "a directory's path",
    )
    journal: Annotated[Literal["disk", "redis"], BeforeValidator(_lowered)] = _field(
        "disk",
        "`disk` survives the process (keep the data dir on a volume); `redis` is acknowledged by Redis before the last "
        "byte, for replicas without a disk of their own.",
        "disk or redis",
    )
    rules: Annotated[str, Field(min_length=1)] = _field(
        "routing_rules.yaml",
        "The routing file's path, or `redis` for one file for the whole fleet, replaced through the API.",
        "a file's path, or redis",
    )
    admin_key: HeaderSecret | None = _field(
        None,
        "The owner's key for the admin API. Embedded Redis: made at first start. Shared Redis: must be given.",
        "printable ASCII without spaces",
    )
    on_store_outage: Annotated[Literal["lease", "open", "closed"], BeforeValidator(_lowered)] = _field(
        "lease",
        "While Redis is away: `lease` serves known keys within what they had leased, `open` serves them without limit, "
        "`closed` refuses.",
        "lease, open or closed",
    )
    max_body_mb: Annotated[int, Field(ge=1, le=4096)] = _field(
        32, "Largest request body after decoding, in MiB; a larger one gets 413.", "a whole number from 1 to 4096"
    )
    responses_ttl: Seconds = _field(
        86_400.0,
        "How long an answer of the Responses API is kept in Redis after it was last used, for `previous_response_id`, "
        "where the provider does not keep it itself. `0s` keeps none.",
        "a duration: 250ms, 2s, 10m, 24h",
    )
    drain_delay: Seconds = _field(
        0.0,
        "On SIGTERM `ready` turns 503 at once; after this delay no new connection is taken.",
        "a duration: 250ms, 2s, 10m, 24h",
    )
    drain_timeout: Seconds = _field(
        600.0,
        "On SIGTERM what still runs after this long is ended with an error event.",
        "a duration: 250ms, 2s, 10m, 24h",
    )
    cors_origins: Annotated[tuple[str, ...], BeforeValidator(_origins)] = _field(
        (), "Origins that a browser may call from.", "origins such as https://app.example, separated by commas, or *"
    )
    tls_cert: Path | None = _field(None, "Certificate chain (PEM) to serve TLS with.", "a file's path")
    tls_key: Path | None = _field(None, "Private key (PEM) of the certificate.", "a file's path")
    tls_client_ca: Path | None = _field(
        None, "Authorities (PEM) that client certificates must come from.", "a file's path"
    )
    trusted_proxies: Annotated[tuple[str, ...], BeforeValidator(_networks)] = _field(
        (), "Networks whose `x-forwarded-for` counts.", "IP addresses or networks, separated by commas"
    )
    metrics_key: HeaderSecret | None = _field(
        None, "Locks `/metrics`; `/health/*` never needs a key.", "printable ASCII without spaces"
    )
    log_format: Annotated[Literal["console", "json"], BeforeValidator(_lowered)] | None = _field(
        None, "Form of the log on stderr. Unset: `console` on a terminal, else `json`.", "console or json"
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lowered)] = _field(
        "info", "Least severe line that is logged.", "debug, info, warning or error"
    )
    url: Annotated[str, BeforeValidator(_http_url)] | None = _field(
        None,
        "Where the command line finds a running gateway. Unset: the one that runs on this data dir.",
        "http://... or https://...",
    )
    warnings: tuple[str, ...] = Field((), exclude=True, repr=False)
    """What the caller of `load_settings` should log: names that were passed over, and why. Not a setting."""

    @model_validator(mode="after")
    def _tls_is_whole(self) -> "Settings":
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("HEADRACE_TLS_CERT and HEADRACE_TLS_KEY are only of use together")
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise ValueError("HEADRACE_TLS_CLIENT_CA needs HEADRACE_TLS_CERT and HEADRACE_TLS_KEY")
        return self


SETTINGS: Mapping[str, FieldInfo] = {name: field for name, field in Settings.model_fields.items() if name != "warnings"}

# Settings that are read and checked, but that nothing serves yet: the start refuses them (`require_startable`) rather
# than to pass over them. Each with the test that says whether it was asked for.
NOT_SUPPORTED_YET: Mapping[str, Callable[[Settings], bool]] = {
    "HEADRACE_ADMIN_LISTEN": lambda settings: settings.admin_listen is not None,
    "HEADRACE_JOURNAL=redis": lambda settings: settings.journal == "redis",
    "HEADRACE_RULES=redis": lambda settings: settings.rules == "redis",
    "HEADRACE_TLS_CERT": lambda settings: settings.tls_cert is not None,
    "HEADRACE_TLS_CLIENT_CA": lambda settings: settings.tls_client_ca is not None,
    "HEADRACE_TRUSTED_PROXIES": lambda settings: bool(settings.trusted_proxies),
}


def environment_name(field: str) -> str:
    """The variable that sets this field."""
    return PREFIX + field.upper()


def allowed_values(field: str) -> str:
    """What may be written there, in words."""
    extra = SETTINGS[field].json_schema_extra
    return str(extra["allowed"]) if isinstance(extra, dict) else ""


def load_settings(environment: Mapping[str, str] | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """From the environment (by default this process's). Flags, by field name, come first; None is one not given."""
    environment = os.environ if environment is None else environment
    flags = {name: value for name, value in (overrides or {}).items() if value is not None}
    given, warnings = _from_environment(environment, skip=flags.keys())
    values = {field: value for field, (_, value) in given.items()} | flags
    try:
        return Settings(**values, warnings=tuple(warnings))
    except ValidationError as error:
        names = {field: name for field, (name, _) in given.items()}
        names |= {flag: f"--{flag.replace('_', '-')}" for flag in flags}
        raise SettingsError(_one_line(error, values, names)) from None


def require_startable(settings: Settings) -> None:
    """Refuse to serve with a setting that nothing honours yet, or without one that this start needs."""
    for name, asked_for in NOT_SUPPORTED_YET.items():
        if asked_for(settings):
            raise SettingsError(f"{name} is not supported yet")
    if settings.redis_url is not None and settings.admin_key is None:
        raise SettingsError("HEADRACE_ADMIN_KEY must be given when HEADRACE_REDIS_URL names a shared Redis")


def _from_environment(
    environment: Mapping[str, str], skip: Collection[str]
) -> tuple[dict[str, tuple[str, str]], list[str]]:
    """By field: the variable that gave it, and its value. And warnings."""
    known = {environment_name(field): field for field in SETTINGS}
    values: dict[str, tuple[str, str]] = {}
    warnings: list[str] = []
    for name in sorted(name for name in environment if name.startswith(PREFIX)):
        value = environment[name]
        if _is_service_link(name, value):
            warnings.append(
                f"{name} is ignored: Kubernetes' service links set it (enableServiceLinks: false stops that)"
            )
            continue
        plain = name.removesuffix("_FILE")
        field = known.get(name) or known.get(plain)
        if field is None:
            raise SettingsError(_unknown(name, known))
        # A variable set to nothing is one that was not set: compose files and charts write them so.
        if not value or field in skip:
            continue
        if field in values:
            raise SettingsError(f"{plain} and {plain}_FILE are both set; give one of them")
        values[field] = (name, value if name in known else _read_value(name, value))
    return values, warnings


def _is_service_link(name: str, value: str) -> bool:
    if _SERVICE_LINK.fullmatch(name):
        return True
    return _SERVICE_LINK_PORT.fullmatch(name) is not None and _SERVICE_URL.match(value) is not None


def _read_value(name: str, path: str) -> str:
    try:
        value = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise SettingsError(f"{name}={path} can't be read: {reason}; allowed: a file that holds the value") from None
    if not value:
        raise SettingsError(f"{name}={path} is empty; allowed: a file that holds the value")
    return value


def _unknown(name: str, known: Mapping[str, str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ";"
    return f"{name[:100]!a} is not a setting{hint} allowed: {', '.join(known)} (each also as ..._FILE)"


def _one_line(error: ValidationError, values: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """The first fault. What is or may be a secret is never repeated."""
    fault = error.errors(include_url=False, include_context=False)[0]
    if not fault["loc"]:
        return fault["msg"].removeprefix("Value error, ")
    field = str(fault["loc"][0])
    if field not in SETTINGS:
        return f"{field!r} is not a setting; allowed: {', '.join(SETTINGS)}"
    name = names.get(field, environment_name(field))
    value = "" if _is_secret(field) or name.endswith("_FILE") else f"={str(values.get(field))[:100]!r}"
    return f"{name}{value} is not allowed; allowed: {allowed_values(field)}"


def _is_secret(field: str) -> bool:
    annotation = SETTINGS[field].annotation
    return annotation is SecretStr or any("SecretStr" in str(part) for part in get_args(annotation))
