"""Which providers can answer, and why others can't."""

from dataclasses import replace

import pytest

from backends.credentials import GoogleSettings
from backends.credentials.aws import AwsSettings
from backends.credentials.entra import EntraSettings
from backends.providers.compatible import KNOWN_PROVIDERS
from backends.types import NO_QUIRKS
from gateway.routing.providers import SERVED_PROTOCOLS
from gateway.translators import adapters


def state(load_rules, text: str, **environment: str):
    return next(iter(load_rules("providers: {" + text + "}", **environment).providers.values()))


def test_a_known_name_needs_no_more_than_its_key(load_rules) -> None:
    provider = state(load_rules, "openrouter: {}", OPENROUTER_API_KEY="k\n")
    assert provider.enabled
    assert provider.api_key == "k"
    assert [endpoint.url for endpoint in provider.endpoints] == ["https://openrouter.ai/api/v1"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("openai: {}", "OPENAI_API_KEY is not set"),
        ("openai: {api_key: '${MINE}'}", "MINE is not set"),
        ("openai: {api_key: ''}", "its api_key is empty"),
        ("anthropic: {}", "ANTHROPIC_API_KEY is not set"),
        ("vertex: {}", "project is not set"),
        ("bedrock: {}", "region is not set"),
        ("bedrock: {region: eu-west-1, access_key_id: a}", "access_key_id and secret_access_key come together"),
        (
            "azure: {base_url: 'https://r.openai.azure.com'}",
            "AZURE_OPENAI_API_KEY is not set, nor is an Entra application (AZURE_CLIENT_ID)",
        ),
        ("azure: {api_key: k}", "no endpoint is named"),
        ("databricks: {base_url: 'https://w.example/serving-endpoints'}", "DATABRICKS_TOKEN is not set"),
        ("q: {protocol: vllm, endpoints: ['${VLLM_BASE_URL:-}']}", "no endpoint is named"),
        ("q: {protocol: vllm, endpoints: [{url: '${VLLM_BASE_URL:-}', drain: true}]}", "no endpoint is named"),
        ("q: {protocol: vllm, base_url: '${VLLM_BASE_URL:-}'}", "no endpoint is named"),
        ("q: {protocol: vllm, endpoints: []}", "no endpoint is named"),
        ("q: {protocol: vllm, discover: {dns: 'q:1'}}", "discover is not served yet"),
    ],
)
def test_a_provider_that_can_not_answer_is_disabled_with_a_reason(text: str, reason: str, load_rules) -> None:
    provider = state(load_rules, text)
    assert (provider.enabled, provider.reason) == (False, reason)


def test_a_server_of_ones_own_needs_no_key(load_rules) -> None:
    assert state(load_rules, "ollama: {}").enabled
    provider = state(load_rules, "q: {protocol: vllm, endpoints: ['http://q:8000/v1/', ''], api_key: '${K:-}'}")
    assert provider.enabled
    assert provider.api_key is None
    assert [(endpoint.url, endpoint.label) for endpoint in provider.endpoints] == [("http://q:8000/v1", "q:8000")]


def test_a_known_name_with_another_protocol_is_somebody_else(load_rules) -> None:
    provider = state(load_rules, "anthropic: {protocol: openai, base_url: 'http://proxy/v1'}", ANTHROPIC_API_KEY="k")
    assert provider.enabled
    assert provider.api_key is None


def test_endpoints_of_one_host_are_told_apart(load_rules) -> None:
    provider = state(load_rules, "q: {protocol: vllm, endpoints: ['http://q/a', 'http://q/b', 'http://r/a']}")
    assert [endpoint.label for endpoint in provider.endpoints] == ["q/a", "q/b", "r"]


def test_a_sandbox_gets_what_is_ordered_of_it(load_rules) -> None:
    settings = state(load_rules, "sandbox: {ttft: 20ms, error_rate: 5%, errors: [429], cut_rate: 1%}").sandbox
    assert (settings.ttft_s, settings.error_rate, settings.errors, settings.cut_rate) == (0.02, 0.05, (429,), 0.01)


def test_known_providers_have_what_a_row_needs() -> None:
    assert len(KNOWN_PROVIDERS) >= 35
    for name, row in KNOWN_PROVIDERS.items():
        assert name == row.name == name.lower()
        if row.protocol == "openai":
            assert row.base_url.startswith(("https://", "http://127.0.0.1"))
            assert not row.base_url.endswith("/")
            assert (row.key_variable is None) == row.base_url.startswith("http://127.0.0.1")


def test_a_rows_quirks_go_with_its_targets_and_the_file_overrides_them_field_by_field(load_rules) -> None:
    text = "mistral: {quirks: {usage_unasked: false, reasoning_field: none, dropped: [seed]}}"
    provider = state(load_rules, text, MISTRAL_API_KEY="k")
    row = KNOWN_PROVIDERS["mistral"].quirks
    assert provider.quirks == replace(row, usage_unasked=False, reasoning_field="", dropped=frozenset({"seed"}))
    table = load_rules(
        "providers: {mistral: {}}\nmodels: {m: {targets: [{provider: mistral, model: m}]}}", MISTRAL_API_KEY="k"
    )
    assert table.models["m"].deployments[0].target.quirks == row
    assert state(load_rules, "acme: {protocol: openai, base_url: 'http://a/v1'}").quirks is NO_QUIRKS


@pytest.mark.parametrize(
    ("text", "environment", "url"),
    [
        (
            "vertex: {project: p, location: europe-west4}",
            {},
            "https://europe-west4-aiplatform.googleapis.com/v1/projects/p/locations/europe-west4",
        ),
        ("vertex: {project: p}", {}, "https://aiplatform.googleapis.com/v1/projects/p/locations/global"),
        (
            "vertex: {}",
            {"GOOGLE_CLOUD_PROJECT": "q", "GOOGLE_CLOUD_LOCATION": "us-east5"},
            "https://us-east5-aiplatform.googleapis.com/v1/projects/q/locations/us-east5",
        ),
        ("bedrock: {region: eu-west-1, api_key: k}", {}, "https://bedrock-runtime.eu-west-1.amazonaws.com"),
        (
            "bedrock: {}",
            {"AWS_REGION": "us-west-2", "AWS_BEARER_TOKEN_BEDROCK": "k"},
            "https://bedrock-runtime.us-west-2.amazonaws.com",
        ),
        (
            "azure: {}",
            {"AZURE_OPENAI_ENDPOINT": "https://r.openai.azure.com/", "AZURE_OPENAI_API_KEY": "k"},
            "https://r.openai.azure.com",
        ),
        ("vertex: {project: p, base_url: 'http://proxy/v1'}", {}, "http://proxy/v1"),
    ],
)
def test_an_address_is_made_of_what_the_cloud_knows_us_by(
    text: str, environment: dict[str, str], url: str, load_rules
) -> None:
    provider = state(load_rules, text, **environment)
    assert provider.enabled, provider.reason
    assert [endpoint.url for endpoint in provider.endpoints] == [url]


@pytest.mark.parametrize(
    ("text", "environment", "settings"),
    [
        ("vertex: {project: p, service_account: /run/sa.json}", {}, GoogleSettings("/run/sa.json")),
        ("vertex: {project: p}", {"GOOGLE_APPLICATION_CREDENTIALS": "/adc.json"}, GoogleSettings("/adc.json")),
        ("vertex: {project: p}", {}, GoogleSettings(None)),
        ("vertex: {project: p, api_key: ya29.token}", {}, None),
        ("bedrock: {region: r, api_key: k}", {}, None),
        (
            "bedrock: {region: r, access_key_id: a, secret_access_key: b, session_token: c}",
            {},
            AwsSettings("r", "a", "b", "c"),
        ),
        ("bedrock: {region: r}", {}, AwsSettings("r")),
        (
            "azure: {base_url: 'https://r.example'}",
            {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": "s"},
            EntraSettings("t", "c", "s"),
        ),
        (
            "azure: {base_url: 'https://r.example'}",
            {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_FEDERATED_TOKEN_FILE": "/token"},
            EntraSettings("t", "c", None, "/token"),
        ),
        ("azure: {base_url: 'https://r.example', api_key: k}", {"AZURE_CLIENT_ID": "c"}, None),
    ],
)
def test_where_there_is_no_key_something_else_proves_who_we_are(
    text: str, environment: dict[str, str], settings: object, load_rules
) -> None:
    provider = state(load_rules, text, **environment)
    assert provider.credentials == settings
    assert provider.enabled or "botocore" in (provider.reason or ""), provider.reason
    assert "'s'" not in repr(provider)


def test_azures_version_goes_with_its_targets(load_rules) -> None:
    table = load_rules(
        "providers: {azure: {base_url: 'https://r.example', api_version: 2024-10-21, api_key: k}}\n"
        "models: {m: {targets: [{provider: azure, model: d}]}}"
    )
    assert table.models["m"].deployments[0].target.api_version == "2024-10-21"


def test_there_is_an_adapter_for_every_protocol_that_is_served() -> None:
    assert set(adapters()) == SERVED_PROTOCOLS


def test_every_known_provider_loads_by_its_name(load_rules) -> None:
    for name, row in KNOWN_PROVIDERS.items():
        if "<" not in row.base_url:
            assert name in load_rules(f"providers: {{{name}: {{}}}}").providers
