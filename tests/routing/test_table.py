"""What a name leads to, what is listed, and what the operator is told at load."""

import hashlib
from pathlib import Path

import pytest

from backends.types import Clocks
from gateway.catalog.parameters import CARRIED
from gateway.catalog.prices import Price
from gateway.errors import NotFound

RULES = """
providers:
  qwen:
    protocol: vllm
    endpoints: ["http://a:1/v1", {url: "http://b:1/v1", weight: 3}]
    timeouts: {first_token: 9s, connect: 1s}
  acme: {protocol: openai, base_url: "http://acme/v1", api_key: k}
  openai: {}
  sandbox: {}
models:
  m:
    targets:
      - {provider: qwen, model: m-up, weight: 2}
      - {provider: acme, model: m-acme, priority: 2}
      - {provider: sandbox, model: m}
  only-sandbox: {targets: [{provider: acme, model: x}, {provider: sandbox, model: s}]}
  "claude-*": {targets: [{provider: acme, model: "*"}]}
  "claude-opus-*": {targets: [{provider: acme, model: "big/*"}, {provider: acme, model: opus}]}
  "fast:floor-like": {targets: [{provider: acme, model: odd}]}
  gone: {targets: [{provider: openai, model: gpt}]}
  secret: {hidden: true, targets: [{provider: acme, model: s}]}
aliases: {fast: m, slow: gone}
policies: {cheap: {objective: cost, timeouts: {first_token: 3s}}}
defaults: {timeouts: {first_token: 20s, total: 30s}}
"""


def upstreams(entry) -> list[str]:
    return [deployment.target.model for deployment in entry.deployments]


@pytest.fixture
def table(load_rules):
    return load_rules(RULES)


def test_an_exact_name_comes_first(table) -> None:
    assert table.resolve("m").name == "m"
    assert table.resolve("fast:floor-like").deployments[0].target.model == "odd"


def test_an_alias_leads_to_its_model(table) -> None:
    assert table.resolve("fast").name == "m"
    assert table.resolve("fast").label == "m"


def test_a_wildcard_passes_the_name_on_and_the_longest_one_wins(table) -> None:
    entry = table.resolve("claude-x")
    assert (entry.name, entry.label, upstreams(entry)) == ("claude-x", "claude-*", ["claude-x"])
    assert table.resolve("claude-opus-4").label == "claude-opus-*"


def test_a_suffix_is_taken_off_any_of_these(table) -> None:
    assert (table.resolve("m:floor").name, table.resolve("m:floor").policy) == ("m", "cost")
    assert table.resolve("fast:floor").name == "m"
    assert table.resolve("fast:nitro").policy == "throughput"
    assert upstreams(table.resolve("claude-x:floor")) == ["claude-x"]


def test_a_providers_own_model_is_served_by_any_name(table) -> None:
    entry = table.resolve("acme/some/model:nitro")
    assert (entry.name, entry.label) == ("acme/some/model:nitro", "other")
    assert upstreams(entry) == ["some/model:nitro"]
    assert [d.target.endpoint for d in table.resolve("qwen/m-up").deployments] == ["a:1", "b:1"]


def test_a_pinned_provider_serves_its_share_of_a_model_or_its_own(table) -> None:
    assert upstreams(table.resolve("m", "acme")) == ["m-acme"]
    assert upstreams(table.resolve("fast", "acme")) == ["m-acme"]
    assert upstreams(table.resolve("whatever", "acme")) == ["whatever"]
    assert upstreams(table.resolve("acme/whatever", "acme")) == ["whatever"]
    assert upstreams(table.resolve("gone", "acme")) == ["gone"]
    assert upstreams(table.resolve("m", "sandbox")) == ["m"]
    with pytest.raises(NotFound, match=r"no provider 'acne'\. Did you mean 'acme'"):
        table.resolve("m", "acne")


@pytest.mark.parametrize("name", ["mm", "fsat", "nobody/m", "/", "a/", "/a", "acme/", "", ":floor", "M"])
def test_an_unknown_name_is_not_found(name: str, table) -> None:
    with pytest.raises(NotFound) as caught:
        table.resolve(name)
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


def test_the_nearest_name_is_told_but_no_hidden_one(table) -> None:
    with pytest.raises(NotFound, match=r"no model 'fsat'\. Did you mean 'fast'"):
        table.resolve("fsat")
    with pytest.raises(NotFound, match="GET /v1/models lists"):
        table.resolve("secre")


@pytest.mark.parametrize("name", ["x" * 100_000, "\x1b[31m\r\n\x00", "\ud800", "%s{0}${HOME}", "../../etc/passwd"])
def test_a_hostile_name_is_cut_and_escaped(name: str, table) -> None:
    with pytest.raises(NotFound) as caught:
        table.resolve(name)
    assert len(caught.value.message) < 400
    assert caught.value.message.isprintable()


def test_what_callers_think_up_is_not_remembered_for_ever(table) -> None:
    for number in range(10_000):
        table.resolve(f"claude-{number}")
    assert len(table.remembered) <= 4096


def test_one_deployment_per_target_and_endpoint_sharing_its_weight(table) -> None:
    a, b, acme = table.resolve("m").deployments
    assert (a.id, b.id, acme.id) == ("qwen/m-up@a:1", "qwen/m-up@b:1", "acme/m-acme@acme")
    assert (a.weight, b.weight) == (0.5, 1.5)
    assert (a.target.base_url, a.target.protocol) == ("http://a:1/v1", "vllm")
    assert acme.target.api_key == "k"


def test_the_sandbox_stands_in_only_without_a_vllm(table) -> None:
    assert "sandbox" not in {d.target.provider for d in table.resolve("m").deployments}
    assert "sandbox" in {d.target.provider for d in table.resolve("only-sandbox").deployments}
    assert any("stands in" in rejection.reason for rejection in table.resolve("m").rejected)


def test_drained_vllm_endpoints_still_keep_the_sandbox_out(load_rules) -> None:
    table = load_rules(
        "providers: {q: {protocol: vllm, endpoints: [{url: 'http://q', drain: true}]}, sandbox: {}}\n"
        "models: {m: {targets: [{provider: q, model: m}, {provider: sandbox, model: m}]}}\n"
    )
    entry = table.resolve("m")
    assert entry.deployments == ()
    assert [deployment.id for deployment in entry.drained] == ["q/m@q"]


def test_a_disabled_provider_is_left_out_with_the_reason(table) -> None:
    assert [(r.target_id, r.reason) for r in table.resolve("gone").rejected] == [
        ("openai/gpt", "provider 'openai' is disabled: OPENAI_API_KEY is not set")
    ]


def test_clocks_come_from_the_narrowest_place_that_says_something(table) -> None:
    first, _, acme = table.resolve("m").deployments
    assert first.clocks == Clocks(connect_s=1.0, first_token_s=9.0, total_s=30.0)
    assert acme.clocks == Clocks(first_token_s=20.0, total_s=30.0)
    cheap = table.under_policy(table.resolve("m"), "cheap")
    assert cheap.deployments[0].clocks.first_token_s == 3.0
    assert cheap is table.under_policy(table.resolve("m"), "cheap")


def test_the_hash_is_that_of_the_file(table) -> None:
    assert table.hash == hashlib.sha256(RULES.encode()).hexdigest()[:12]


class Catalogue:
    def price(self, provider: str, model: str) -> Price | None:
        return Price(1, 2, version="catalogue") if (provider, model) == ("acme", "known") else None

    def context_window(self, provider: str, model: str) -> int | None:
        return 1000 if model == "known" else None


PRICES = """
providers: {acme: {protocol: openai, base_url: "http://acme/v1"}}
models:
  listed: {targets: [{provider: acme, model: known}]}
  own:
    context_window: 5
    targets: [{provider: acme, model: known, price: {input: 0.1, output: 0.3, cached_input: 0, request: 0.001}}]
  unknown: {targets: [{provider: acme, model: x}]}
  by-hour: {targets: [{provider: acme, model: known, price: {gpu_hour: 2.2}}]}
  charged: {targets: [{provider: acme, model: known, price: {gpu_hour: 2.2}, charge: {input: 0.5, output: 1}}]}
"""


def test_a_price_comes_from_the_file_else_from_the_catalogue_else_it_is_unknown(load_rules) -> None:
    table = load_rules(PRICES, catalogue=Catalogue())
    price = {name: entry.deployments[0].price for name, entry in table.models.items()}
    assert price["listed"] == Price(1, 2, version="catalogue")
    assert price["own"] == Price(
        100_000_000, 300_000_000, cached_input=0, request=1_000_000, version=f"routing_rules.yaml@{table.hash}"
    )
    assert price["unknown"] is None
    assert price["by-hour"] is None
    assert (price["charged"].input, price["charged"].output) == (500_000_000, 1_000_000_000)
    assert table.resolve("listed").context_window == 1000
    assert table.resolve("own").context_window == 5
    assert table.resolve("acme/known").deployments[0].price == Price(1, 2, version="catalogue")


def test_the_listing_has_openais_and_openrouters_fields(load_rules) -> None:
    models = {model["id"]: model for model in load_rules(PRICES + "aliases: {fast: own}").listed()}
    assert models["own"] == {
        "id": "own",
        "object": "model",
        "created": 0,
        "owned_by": "acme",
        "name": "own",
        "description": "",
        "context_length": 5,
        "pricing": {"prompt": "0.0000001", "completion": "0.0000003", "input_cache_read": "0", "request": "0.001"},
        "supported_parameters": sorted(CARRIED["openai"]),
    }
    assert models["fast"]["pricing"] == models["own"]["pricing"]
    assert models["unknown"]["pricing"] is None


def test_hidden_models_wildcards_and_those_nobody_can_serve_are_not_listed(table) -> None:
    assert [model["id"] for model in table.listed()] == ["m", "only-sandbox", "fast:floor-like", "fast"]


def test_parts_without_effect_are_named_in_one_line(load_rules) -> None:
    complete = (Path(__file__).parent / "examples" / "complete.yaml").read_text()
    notes = load_rules(complete, {"/run/secrets/search": "k"}, OPENAI_API_KEY="k").notes
    assert notes[0].startswith("without effect in this version: ")
    for part in (
        "policies.home-first.spill",
        "policies.interactive.affinity",
        "providers.acme.limits",
    ):
        assert part in notes[0]
    assert any("by gpu_hour alone" in note for note in notes)
    assert any("LoRA" in note for note in notes)


def test_a_file_without_such_parts_has_no_notes(table) -> None:
    assert table.notes == ()
