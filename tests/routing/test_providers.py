"""Which providers can answer, and why others can't."""

import pytest

from backends.providers.compatible import KNOWN_PROVIDERS


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
        ("anthropic: {}", "protocol 'anthropic' is not served yet"),
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


def test_every_known_provider_loads_by_its_name(load_rules) -> None:
    for name, row in KNOWN_PROVIDERS.items():
        if "<" not in row.base_url:
            assert name in load_rules(f"providers: {{{name}: {{}}}}").providers
