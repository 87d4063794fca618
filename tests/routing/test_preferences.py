"""OpenRouter's `models` and `provider`: who is tried, in which order, and what goes upstream of it."""

import random

import orjson
import pytest

from gateway.errors import Forbidden, InvalidRequest
from gateway.routing.candidates import decide
from gateway.routing.preferences import read_preferences
from gateway.routing.rewriting import for_target
from gateway.stats.snapshot import NOTHING_KNOWN, Snapshot, TargetStatistics

RULES = """
providers:
  home: {protocol: vllm, endpoints: ["http://h"], data_policy: {trains: false, retains: false, region: eu}}
  acme: {protocol: openai, base_url: "http://a/v1", data_policy: {trains: false}, quirks: {dropped: [logit_bias]}}
  dear: {protocol: openai, base_url: "http://d/v1"}
  openrouter: {api_key: k}
models:
  m:
    targets:
      - provider: home
        model: m
        quantization: FP8
        capabilities: [tools]
        price: {input: 2, output: 2, request: 0.01}
      - {provider: acme, model: m, priority: 2, price: {input: 1, output: 3}}
      - {provider: dear, model: m, priority: 3, price: {input: 9, output: 9}, quantization: bf16}
  o: {targets: [{provider: home, model: o}, {provider: openrouter, model: v/o, priority: 2}]}
  only-or: {targets: [{provider: openrouter, model: v/x}]}
  other: {targets: [{provider: acme, model: other}], fallbacks: [dearest]}
  dearest: {targets: [{provider: dear, model: dearest}]}
  gone: {targets: [{provider: dear, model: gone, capabilities: []}], fallbacks: [dearest]}
aliases: {nick: other}
"""


@pytest.fixture
def decided(load_rules, chat, asking):
    def run(provider: dict | None = None, model: str = "m", *, request=None, snapshot=NOTHING_KNOWN, more="", **fields):
        if provider is not None:
            fields["provider"] = provider
        dice = random.Random(1).random
        return decide(load_rules(RULES + more), chat(model, **fields), request or asking(), dice, snapshot=snapshot)

    return run


def providers(decision) -> list[str]:
    return [one.target.provider for one in decision.candidates]


ALL = ["home", "acme", "dear"]


@pytest.mark.parametrize(
    ("provider", "left"),
    [
        ({}, ALL),
        ({"order": ["dear", "ACME"]}, ["dear", "acme", "home"]),
        ({"order": ["dear", "acme"], "allow_fallbacks": False}, ["dear", "acme"]),
        ({"order": ["dear", "acme"], "sort": "price"}, ["dear", "acme", "home"]),
        ({"order": ["nobody", "dear"]}, ["dear", "home", "acme"]),
        ({"allow_fallbacks": False}, ["home"]),
        ({"only": ["acme", "dear"]}, ["acme", "dear"]),
        ({"only": ["home/fp8", "acme/fp8"]}, ["home"]),
        ({"ignore": ["home"]}, ["acme", "dear"]),
        ({"sort": "price"}, ["acme", "dear", "home"]),
        ({"sort": {"by": "price", "partition": "none"}}, ["acme", "dear", "home"]),
        ({"sort": "price", "ignore": ["home"], "allow_fallbacks": False}, ["acme"]),
        ({"max_price": {"prompt": 2}}, ["home", "acme"]),
        ({"max_price": {"prompt": "2", "completion": 2.5}}, ["home"]),
        ({"max_price": {"request": 0.005}}, ["acme", "dear"]),
        ({"data_collection": "deny"}, ["home", "acme"]),
        ({"data_collection": "allow"}, ALL),
        ({"zdr": True}, ["home"]),
        ({"quantizations": ["fp8", "bf16"]}, ["home", "dear"]),
        ({"quantizations": ["unknown"]}, ["acme"]),
    ],
)
def test_each_preference(provider: dict, left: list[str], decided) -> None:
    decision = decided(provider)
    assert providers(decision) == left
    assert {one.target_id.split("/")[0] for one in decision.rejected} == set(ALL) - set(left)


@pytest.mark.parametrize(
    ("fields", "left"),
    [
        ({}, ALL),
        ({"tools": [{"type": "function"}]}, ["home"]),
        ({"n": 2}, []),
        ({"logit_bias": {"1": 1}}, ["home", "dear"]),
    ],
)
def test_parameters_that_are_required_must_be_stated_and_taken(fields: dict, left: list[str], decided) -> None:
    if left:
        assert providers(decided({"require_parameters": True}, **fields)) == left
    else:
        with pytest.raises(Forbidden, match="whether it does n is not stated"):
            decided({"require_parameters": True}, **fields)


def test_who_is_too_slow_comes_last(decided) -> None:
    slow, fast = TargetStatistics(2.0, 4.0, 6.0, 0.1, 50.0), TargetStatistics(0.5, 1.0, 2.0, 0.01, 50.0)
    seen = Snapshot({"home/m@h": slow, "acme/m@a": fast})
    for wish in (
        {"preferred_max_latency": 1},
        {"preferred_max_latency": {"p90": 3}},
        {"preferred_max_latency": {"p99": 5}},
        {"preferred_min_throughput": 50},
        {"preferred_min_throughput": {"p50": 50}},
    ):
        assert providers(decided(wish, snapshot=seen)) == ["acme", "dear", "home"]
    assert providers(decided({"preferred_max_latency": 3}, snapshot=seen)) == ALL


def test_sorting_by_speed_goes_by_what_is_known(decided) -> None:
    def known(first: float, pace: float) -> TargetStatistics:
        return TargetStatistics(first, first, first, pace, 50.0)

    seen = Snapshot({"home/m@h": known(3.0, 0.01), "acme/m@a": known(0.1, 0.05), "dear/m@d": known(9.0, 0.2)})
    assert providers(decided({"sort": "throughput"}, snapshot=seen)) == ["home", "acme", "dear"]
    assert providers(decided({"sort": "latency"}, snapshot=seen, max_tokens=1)) == ["acme", "home", "dear"]
    assert providers(decided(model="m:nitro", snapshot=seen)) == ["home", "acme", "dear"]
    assert providers(decided(model="m:floor", snapshot=seen)) == ["acme", "dear", "home"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"provider": "acme"}, "provider"),
        ({"provider": {"order": "acme"}}, "provider.order"),
        ({"provider": {"only": [1]}}, "provider.only"),
        ({"provider": {"ignore": ["x"] * 33}}, "provider.ignore"),
        ({"provider": {"sort": "beauty"}}, "provider.sort"),
        ({"provider": {"allow_fallbacks": "no"}}, "provider.allow_fallbacks"),
        ({"provider": {"data_collection": "never"}}, "provider.data_collection"),
        ({"provider": {"max_price": 3}}, "provider.max_price"),
        ({"provider": {"max_price": {"prompt": "cheap"}}}, "provider.max_price.prompt"),
        ({"provider": {"max_price": {"prompt": float("nan")}}}, "provider.max_price.prompt"),
        ({"provider": {"preferred_max_latency": {"p42": 1}}}, "provider.preferred_max_latency"),
        ({"provider": {"preferred_min_throughput": -1}}, "provider.preferred_min_throughput.p50"),
        ({"models": "other"}, "models"),
        ({"models": ["m"] * 9}, "models"),
    ],
)
def test_what_can_not_be_read_is_refused_by_name(fields: dict, param: str, decided) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decided(**fields)
    assert caught.value.param == param


def test_what_can_not_be_honoured_is_named(decided) -> None:
    decision = decided({"experimental": {}, "max_price": {"image": 1}, "order": ["together", "acme"]})
    assert decision.ignored == ("provider.experimental", "provider.max_price.image", "provider.order")


def test_the_callers_models_come_before_the_files_and_only_those_it_may_use(decided, asking) -> None:
    allowed = asking(models=("other", "m"))
    decision = decided(model="other", models=["m", "dearest", "nick", "nobody"], request=allowed)
    assert decision.fallbacks.on_error == ("m", "nick", "dearest")
    assert decision.fallbacks.on_refusal == ("m", "nick")
    assert decision.ignored == ("models",)
    assert decided(model="other", models=["m"]).ignored == ()


def test_the_callers_models_serve_what_nobody_of_the_first_can(decided, asking) -> None:
    decision = decided(model="gone", n=2, models=["other"])
    assert (decision.model, providers(decision)) == ("other", ["acme"])
    assert decided(model="gone", n=2).model == "dearest"
    with pytest.raises(Forbidden, match="does not do n"):
        decided({"ignore": ["dear"]}, model="gone", n=2, models=["gone"])


def test_nothing_of_it_goes_upstream(decided) -> None:
    decision = decided({"order": ["dear"]}, models=["other"], temperature=0.5)
    assert set(decision.chat.body) == {"model", "messages", "temperature"}
    assert orjson.loads(decision.chat.raw) == decision.chat.body
    assert decided(temperature=0.5).chat is None


def test_a_body_in_another_dialect_loses_it_too(load_rules, chat, asking) -> None:
    asked = chat(provider={"only": ["acme"]})
    native = {"model": "m", "max_tokens": 5, "messages": [], "provider": {"only": ["acme"]}}
    asked = asked._replace(native=native, dialect="anthropic_messages", raw=orjson.dumps(native))
    decision = decide(load_rules(RULES), asked, asking(), lambda: 0.5, dialect="anthropic_messages")
    assert providers(decision) == ["acme"]
    assert "provider" not in decision.chat.native
    assert "provider" not in orjson.loads(decision.chat.raw)


def test_openrouter_is_told_what_concerns_it(decided) -> None:
    wish = {"order": ["Together", "home"], "ignore": ["home", "deepinfra"], "sort": "price", "zdr": None}
    decision = decided(wish, model="o")
    assert providers(decision) == ["openrouter"]
    target = decision.candidates[0].target
    sent = for_target(decision.chat, target, decision.asked)
    assert sent.body["provider"] == {
        "order": ["Together"],
        "ignore": ["home", "deepinfra"],
        "sort": "price",
        "zdr": None,
    }
    assert orjson.loads(sent.raw) == sent.body
    assert decision.ignored == ()


def test_openrouter_stands_for_whom_we_do_not_know(decided) -> None:
    assert providers(decided({"only": ["together"]}, model="o")) == ["openrouter"]
    assert providers(decided({"only": ["home"]}, model="o")) == ["home"]
    assert providers(decided({"order": ["together"]}, model="o")) == ["openrouter", "home"]
    with pytest.raises(Forbidden, match=r"it is not in provider\.only"):
        decided({"only": ["together"]})


def test_who_names_openrouter_in_the_url_speaks_to_it(decided, asking) -> None:
    wish = {"only": ["home"], "order": ["acme"], "experimental": 1}
    decision = decided(wish, model="only-or", request=asking(provider="openrouter"))
    assert providers(decision) == ["openrouter"]
    assert for_target(decision.chat, decision.candidates[0].target, decision.asked).body["provider"] == wish
    assert decision.ignored == ()


def test_nobody_else_is_told(decided) -> None:
    decision = decided({"sort": "price"})
    assert for_target(decision.chat, decision.candidates[0].target, decision.asked) is decision.chat


def test_preferences_are_values() -> None:
    given = {"models": ["a"], "provider": {"order": ["x"], "max_price": {"prompt": 1}}}
    assert read_preferences(given, ("x",)) == read_preferences(given, ("x",))
    assert hash(read_preferences(given, ("x",)))


def test_guards_hold_whatever_the_caller_prefers(decided, asking) -> None:
    guard = "guards: [{name: stay, when: 'true', only: {providers: [home]}}]"
    decision = decided({"order": ["acme"]}, more=guard)
    assert providers(decision) == ["home"]
    assert decision.guards == ("stay",)
