"""Which providers can answer, and why others can't: a provider without its key is disabled, which is no error."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pydantic import SecretStr

from backends.credentials import CredentialSettings
from backends.providers.compatible import KNOWN_PROVIDERS, KnownProvider
from backends.sandbox.settings import SandboxSettings
from backends.types import NO_QUIRKS, Quirks
from gateway.routing.clouds import Cloud, cloud_of
from gateway.routing.schema.policies import TimeoutRules
from gateway.routing.schema.providers import EndpointRules, ProviderRules, TlsRules

SERVED_PROTOCOLS = frozenset(
    {"openai", "anthropic", "gemini", "vertex", "bedrock", "azure", "cohere", "vllm", "sandbox"}
)
"""What there is an adapter for."""

SANDBOX_URL = "sandbox://local/v1"
"""The sandbox is reached by no socket; its adapter still builds a request, as for any upstream."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address of a provider."""

    url: str
    label: str
    """host:port, as operators see it; with the path where one host has several."""
    drained: bool = False
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Tls:
    """Paths of PEM files for connections to the provider; None: the system's authorities, no client certificate."""

    ca: str | None = None
    cert: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class ProviderState:
    """A provider as it stands under the file in force."""

    name: str
    protocol: str
    enabled: bool
    reason: str | None
    """Why it is disabled."""
    endpoints: tuple[Endpoint, ...]
    api_key: str | None = field(default=None, repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    tls: Tls | None = None
    sandbox: SandboxSettings | None = None
    """What is ordered of a sandbox; None for every other protocol."""
    credentials: CredentialSettings | None = field(default=None, repr=False)
    """Of a token that expires, or of a signature, in place of a key."""
    quirks: Quirks = field(default=NO_QUIRKS, repr=False)
    api_version: str | None = None
    """Azure's."""
    timeouts: TimeoutRules = field(default_factory=TimeoutRules, repr=False)
    key_variable: str | None = None
    """The variable that its key is read from where the file names none."""
    docs: str | None = None


def provider_state(
    name: str, rules: ProviderRules, *, unset: str | None, environment: Mapping[str, str]
) -> ProviderState:
    """What the file and the environment make of a provider. `unset` is the variable its key was to come from."""
    known = KNOWN_PROVIDERS.get(name)
    if known and rules.protocol not in (None, known.protocol):
        known = None  # somebody else of that name: neither its address nor its key would be right
    protocol = rules.protocol or (known.protocol if known else "openai")
    own = rules.api_key
    if own is None and rules.credentials is not None:
        own = rules.credentials.default
    key = _key(own, known, environment)
    cloud = cloud_of(protocol, rules, key, environment)
    endpoints = _endpoints(rules, known, protocol, cloud)
    reason = _why_disabled(rules, protocol, unset, endpoints, cloud) or _why_without_key(key, own, known, cloud)
    quirks = known.quirks if known else NO_QUIRKS
    return ProviderState(
        name=name,
        protocol=protocol,
        enabled=reason is None,
        reason=reason,
        endpoints=endpoints,
        api_key=key,
        headers=tuple((header, value.get_secret_value()) for header, value in rules.headers.items()),
        tls=_tls(rules.tls),
        sandbox=_sandbox(rules) if protocol == "sandbox" else None,
        credentials=cloud.credentials,
        quirks=rules.quirks.over(quirks) if rules.quirks is not None else quirks,
        api_version=rules.api_version,
        timeouts=rules.timeouts,
        key_variable=known.key_variable if known else None,
        docs=known.docs if known else None,
    )


def _key(own: SecretStr | None, known: KnownProvider | None, environment: Mapping[str, str]) -> str | None:
    if own is not None:
        return own.get_secret_value() or None
    if known and known.key_variable:
        return environment.get(known.key_variable, "").strip() or None
    return None


def _why_disabled(
    rules: ProviderRules, protocol: str, unset: str | None, endpoints: tuple[Endpoint, ...], cloud: Cloud
) -> str | None:
    if protocol not in SERVED_PROTOCOLS:
        return f"protocol '{protocol}' is not served yet"
    if unset is not None:
        return f"{unset} is not set"
    if rules.discover is not None:
        return "discover is not served yet"
    return cloud.missing or (None if endpoints else "no endpoint is named")


def _why_without_key(key: str | None, own: SecretStr | None, known: KnownProvider | None, cloud: Cloud) -> str | None:
    """A hosted provider answers nobody without a key; a server of one's own may."""
    if key is not None or known is None or known.key_variable is None or cloud.credentials is not None:
        return None
    return f"{known.key_variable} is not set" if own is None else "its api_key is empty"


def _endpoints(rules: ProviderRules, known: KnownProvider | None, protocol: str, cloud: Cloud) -> tuple[Endpoint, ...]:
    if protocol == "sandbox":
        return (Endpoint(SANDBOX_URL, "local"),)
    given = rules.endpoints
    if given is None:
        url = rules.base_url
        if url is None:
            built_in = known.base_url if known and rules.discover is None else ""
            url = cloud.base_url or ("" if "<" in built_in else built_in)
        given = (EndpointRules(url=url),)
    named = [endpoint for endpoint in given if endpoint.url]
    hosts = [urlsplit(endpoint.url).netloc for endpoint in named]
    return tuple(
        Endpoint(
            url=endpoint.url,
            label=host if hosts.count(host) == 1 else host + urlsplit(endpoint.url).path,
            drained=endpoint.drain,
            weight=endpoint.weight,
        )
        for endpoint, host in zip(named, hosts, strict=True)
    )


def _tls(rules: TlsRules | None) -> Tls | None:
    return Tls(rules.ca, rules.cert, rules.key) if rules is not None else None


def _sandbox(rules: ProviderRules) -> SandboxSettings:
    return SandboxSettings(
        ttft_s=rules.ttft or 0.0,
        tokens_per_second=rules.tokens_per_second,
        error_rate=rules.error_rate or 0.0,
        errors=rules.errors or (),
        stall_rate=rules.stall_rate or 0.0,
        cut_rate=rules.cut_rate or 0.0,
        seed=rules.seed or 0,
    )
