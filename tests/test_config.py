"""Settings: what is read, what is refused and in which words, what Kubernetes leaves in the environment."""

import importlib.util
import os
from pathlib import Path

import pytest

from gateway.config import (
    SETTINGS,
    Settings,
    SettingsError,
    allowed_values,
    environment_name,
    granted_cpus,
    load_settings,
    require_startable,
)

ROOT = Path(__file__).resolve().parent.parent


def refusal(environment: dict[str, str], overrides: dict | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(environment, overrides)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_an_empty_environment_gives_the_contracts_defaults() -> None:
    settings = load_settings({})
    assert (settings.host, settings.port, settings.max_body_mb) == ("127.0.0.1", 8080, 32)
    assert (settings.data_dir, settings.rules, settings.journal) == (Path(".headrace"), "routing_rules.yaml", "disk")
    assert (settings.drain_delay, settings.drain_timeout, settings.on_store_outage) == (0.0, 600.0, "lease")
    assert settings.redis_url is settings.admin_key is settings.metrics_key is settings.log_format is None
    assert settings.workers >= 1
    require_startable(settings)


def test_every_setting_can_be_given() -> None:
    values = {
        "HEADRACE_HOST": "0.0.0.0",
        "HEADRACE_PORT": "9000",
        "HEADRACE_ADMIN_LISTEN": "127.0.0.1:9001",
        "HEADRACE_WORKERS": "3",
        "HEADRACE_REDIS_URL": "redis+sentinel://a:1,b:2/master/0",
        "HEADRACE_DATA_DIR": "/var/lib/headrace",
        "HEADRACE_JOURNAL": "redis",
        "HEADRACE_RULES": "redis",
        "HEADRACE_ADMIN_KEY": "secret",
        "HEADRACE_ON_STORE_OUTAGE": "closed",
        "HEADRACE_MAX_BODY_MB": "8",
        "HEADRACE_RESPONSES_TTL": "12h",
        "HEADRACE_DRAIN_DELAY": "250ms",
        "HEADRACE_DRAIN_TIMEOUT": "1.5h",
        "HEADRACE_CORS_ORIGINS": "https://a.example, http://localhost:3000",
        "HEADRACE_TLS_CERT": "/c",
        "HEADRACE_TLS_KEY": "/k",
        "HEADRACE_TLS_CLIENT_CA": "/ca",
        "HEADRACE_TRUSTED_PROXIES": "10.0.0.1,192.168.0.0/16,::1",
        "HEADRACE_METRICS_KEY": "m",
        "HEADRACE_LOG_FORMAT": "JSON",
        "HEADRACE_LOG_LEVEL": "debug",
        "HEADRACE_URL": "https://gateway.example/",
    }
    assert set(values) == {environment_name(field) for field in SETTINGS}
    settings = load_settings(values)
    assert settings.responses_ttl == 43_200
    assert settings.drain_delay == 0.25
    assert settings.drain_timeout == 5_400
    assert settings.cors_origins == ("https://a.example", "http://localhost:3000")
    assert settings.trusted_proxies == ("10.0.0.1/32", "192.168.0.0/16", "::1/128")
    assert settings.log_format == "json"
    assert settings.admin_key is not None
    assert settings.admin_key.get_secret_value() == "secret"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("ADMIN_LISTEN", "9000"),
        ("ADMIN_LISTEN", "host:"),
        ("WORKERS", "0"),
        ("WORKERS", "2.5"),
        ("JOURNAL", "tape"),
        ("ON_STORE_OUTAGE", "off"),
        ("MAX_BODY_MB", "-1"),
        ("DRAIN_DELAY", "5"),
        ("DRAIN_TIMEOUT", "10 minutes"),
        ("DRAIN_TIMEOUT", "-1s"),
        ("CORS_ORIGINS", "app.example"),
        ("TRUSTED_PROXIES", "10.0.0.0/33"),
        ("LOG_FORMAT", "xml"),
        ("LOG_LEVEL", "loud"),
        ("URL", "gateway.example"),
    ],
)
def test_a_bad_value_is_refused_in_one_line_that_says_what_is_allowed(name: str, value: str) -> None:
    message = refusal({f"HEADRACE_{name}": value})
    assert message.startswith(f"HEADRACE_{name}={value!r} is not allowed")
    assert allowed_values(name.lower()) in message


def test_a_flag_is_named_as_a_flag_and_comes_before_the_environment() -> None:
    assert refusal({"HEADRACE_PORT": "9000"}, {"port": "x"}).startswith("--port='x' is not allowed")
    settings = load_settings({"HEADRACE_PORT": "9000", "HEADRACE_HOST": "a"}, {"port": 9001, "host": None})
    assert (settings.port, settings.host) == (9001, "a")
    assert "max_body_mb" in refusal({}, {"body": 1})


def test_an_unknown_name_is_refused_and_the_nearest_is_suggested() -> None:
    message = refusal({"HEADRACE_REDIS": "redis://x"})
    assert "HEADRACE_REDIS_URL" in message
    assert "redis://x" not in message
    assert "did you mean HEADRACE_PORT?" in refusal({"HEADRACE_PROT": "1"})
    assert "HEADRACE_WARNINGS" in refusal({"HEADRACE_WARNINGS": "x"})
    assert load_settings({"HEAD": "x", "OTHER_HEADRACE_X": "y"}) == load_settings({})


@pytest.mark.parametrize(
    "environment",
    [
        {"HEADRACE_REDIS_URL": "http://user:s3cret@host"},
        {"HEADRACE_ADMIN_KEY": "s3cret with spaces"},
        {"HEADRACE_METRICS_KEY": "s3cret\n"},
    ],
)
def test_a_secret_is_never_repeated_in_a_refusal(environment: dict[str, str]) -> None:
    assert "s3cret" not in refusal(environment)


def test_secrets_are_not_in_the_representation() -> None:
    settings = load_settings(
        {
            "HEADRACE_REDIS_URL": "redis://:s3cret@host",
            "HEADRACE_ADMIN_KEY": "s3cret",
            "HEADRACE_METRICS_KEY": "s3cret",
        }
    )
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in settings.model_dump_json()


def test_a_value_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("from-a-file\n")
    settings = load_settings({"HEADRACE_ADMIN_KEY_FILE": str(file)})
    assert settings.admin_key is not None
    assert settings.admin_key.get_secret_value() == "from-a-file"
    file.write_text("s3cret")
    message = refusal({"HEADRACE_PORT_FILE": str(file)})
    assert message.startswith("HEADRACE_PORT_FILE is not allowed")
    assert "s3cret" not in message


def test_a_file_that_does_not_hold_a_value_is_refused(tmp_path: Path) -> None:
    empty, binary = tmp_path / "empty", tmp_path / "binary"
    empty.write_text(" \n")
    binary.write_bytes(b"\xff\xfe")
    assert "is empty" in refusal({"HEADRACE_HOST_FILE": str(empty)})
    assert "not UTF-8" in refusal({"HEADRACE_HOST_FILE": str(binary)})
    assert "No such file" in refusal({"HEADRACE_HOST_FILE": str(tmp_path / "none")})
    assert "both set" in refusal({"HEADRACE_HOST": "a", "HEADRACE_HOST_FILE": str(binary)})


def test_a_variable_set_to_nothing_counts_as_not_set() -> None:
    assert load_settings({"HEADRACE_REDIS_URL": "", "HEADRACE_PORT": ""}) == load_settings({})


def test_what_kubernetes_service_links_set_is_passed_over_with_a_warning() -> None:
    links = {
        "HEADRACE_PORT": "tcp://10.96.0.1:8080",
        "HEADRACE_PORT_8080_TCP": "tcp://10.96.0.1:8080",
        "HEADRACE_PORT_8080_TCP_ADDR": "10.96.0.1",
        "HEADRACE_PORT_8080_TCP_PORT": "8080",
        "HEADRACE_PORT_8080_TCP_PROTO": "tcp",
        "HEADRACE_SERVICE_HOST": "10.96.0.1",
        "HEADRACE_SERVICE_PORT": "8080",
        "HEADRACE_SERVICE_PORT_HTTP": "8080",
        "HEADRACE_ADMIN_SERVICE_HOST": "10.96.0.2",
        "HEADRACE_ADMIN_PORT": "tcp://10.96.0.2:9090",
        "HEADRACE_REDIS_PORT_6379_TCP_ADDR": "10.96.0.3",
    }
    settings = load_settings(links)
    assert settings.port == 8080
    assert {warning.split()[0] for warning in settings.warnings} == set(links)
    assert not load_settings({"HEADRACE_PORT": "9000"}).warnings
    refusal({"HEADRACE_ADMIN_PORT": "9090"})


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"HEADRACE_TLS_CERT": "c", "HEADRACE_TLS_KEY": "k"}, "HEADRACE_TLS_CERT"),
        ({"HEADRACE_ADMIN_LISTEN": "localhost:9090"}, "HEADRACE_ADMIN_LISTEN"),
        ({"HEADRACE_JOURNAL": "redis"}, "HEADRACE_JOURNAL=redis"),
        ({"HEADRACE_RULES": "redis"}, "HEADRACE_RULES=redis"),
        ({"HEADRACE_TRUSTED_PROXIES": "::1"}, "HEADRACE_TRUSTED_PROXIES"),
    ],
)
def test_what_nothing_serves_yet_is_read_but_refused_at_the_start(environment: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{named} is not supported yet$"):
        require_startable(load_settings(environment))


def test_a_shared_redis_needs_a_given_admin_key() -> None:
    shared = {"HEADRACE_REDIS_URL": "redis://host"}
    with pytest.raises(SettingsError, match="HEADRACE_ADMIN_KEY must be given"):
        require_startable(load_settings(shared))
    require_startable(load_settings(shared | {"HEADRACE_ADMIN_KEY": "k"}))


def test_half_of_tls_is_refused() -> None:
    assert "only of use together" in refusal({"HEADRACE_TLS_CERT": "c"})
    assert "only of use together" in refusal({"HEADRACE_TLS_KEY": "k"})
    assert "HEADRACE_TLS_CLIENT_CA" in refusal({"HEADRACE_TLS_CLIENT_CA": "ca"})


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings({}).port = 1  # type: ignore[misc]


AFFINITY = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@pytest.mark.parametrize(
    ("membership", "files", "granted"),
    [
        (None, {}, AFFINITY),
        ("0::/\n", {"cpu.max": "max 100000"}, AFFINITY),
        ("0::/\n", {"cpu.max": "50000 100000"}, 1),
        ("0::/\n", {"cpu.max": "100000 100000"}, 1),
        ("0::/\n", {"cpu.max": "99900000 100000"}, AFFINITY),
        ("0::/a/b\n", {"a/cpu.max": "100000 100000", "a/b/cpu.max": "max 100000"}, 1),
        ("0::/only/the/host/sees\n", {"cpu.max": "100000 100000"}, 1),
        (
            "3:cpu,cpuacct:/a\n",
            {"cpu,cpuacct/a/cpu.cfs_quota_us": "90000", "cpu,cpuacct/a/cpu.cfs_period_us": "100000"},
            1,
        ),
        ("3:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, AFFINITY),
        ("3:memory:/\n0::/\n", {"cpu.max": "nonsense"}, AFFINITY),
    ],
)
def test_workers_default_to_what_the_cgroup_grants(
    tmp_path: Path, membership: str | None, files: dict[str, str], granted: int
) -> None:
    if membership is not None:
        (tmp_path / "proc/self").mkdir(parents=True)
        (tmp_path / "proc/self/cgroup").write_text(membership)
    for name, content in files.items():
        file = tmp_path / "sys/fs/cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content + "\n")
    assert granted_cpus(tmp_path) == granted


def test_every_setting_has_a_sentence_and_says_what_is_allowed() -> None:
    for name, field in Settings.model_fields.items():
        if name in SETTINGS:
            assert field.description is not None
            assert field.description.endswith(".")
            assert allowed_values(name)


def test_the_configuration_page_is_current() -> None:
    spec = importlib.util.spec_from_file_location("make_docs", ROOT / "scripts" / "make_configuration_docs.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8") == script.page(), (
        "run python scripts/make_configuration_docs.py"
    )
