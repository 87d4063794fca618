"""One request → a decision: keys, guards, routes, variants, and why there is nobody."""

import random
from collections import Counter
from datetime import UTC, datetime

import pytest

from gateway.errors import Forbidden, NotFound, Unavailable
from gateway.routing.candidates import decide

RULES = """
tags: {tier: [free, paid]}
timezone: Europe/Berlin
providers:
  home: {protocol: vllm, endpoints: ["http://home/v1"], data_policy: {trains: false, retains: false, region: eu}}
  acme: {protocol: openai, base_url: "http://acme/v1"}
  openai: {}
models:
  m: {targets: [{provider: home, model: m}, {provider: acme, model: m-acme, priority: 2, price: {input: 5, output: 5}}]}
  big: {targets: [{provider: acme, model: big-acme}]}
  gone: {targets: [{provider: openai, model: gpt}]}
  "w-*": {targets: [{provider: acme, model: "*"}]}
  ab: {variants: {a: {weight: 3, model: m}, b: {weight: 1, model: big}}}
aliases: {fast: m}
policies:
  at-home: {objective: priority, require: {regions: [eu], trains: false, retains: false}}
  cheap: {objective: cost, require: {max_price: {input: 1}}}
"""


@pytest.fixture
def decided(load_rules, chat, asking):
    """Load RULES with more lines, and decide about one request."""

    def run(more: str = "", model: str = "m", *, request=None, seed: int = 1, now: float = 0.0, **fields):
        table = load_rules(RULES + more)
        dice = random.Random(seed).random
        return decide(table, chat(model, **fields), request or asking(), dice, now=lambda: now)

    return run


def ids(decision) -> list[str]:
    return [deployment.id for deployment in decision.candidates]


def test_a_plain_request_goes_through_its_models_targets_in_order(decided) -> None:
    decision = decided()
    assert ids(decision) == ["home/m@home", "acme/m-acme@acme"]
    assert (decision.model, decision.label, decision.policy) == ("m", "m", "priority")
    assert len(decision.rules_hash) == 12


def test_a_key_may_use_what_its_patterns_cover_by_either_name(decided, asking) -> None:
    assert decided(request=asking(models=("m",)), model="fast")
    assert decided(request=asking(models=("fast",)), model="fast")
    assert decided(request=asking(models=("fast",)), model="fast:floor")
    assert decided(request=asking(models=("w-*",)), model="w-1")
    assert decided(request=asking(models=("acme/*",)), model="acme/x")


@pytest.mark.parametrize("model", ["big", "acme/big-acme", "w-1"])
def test_a_key_may_use_nothing_else(model: str, decided, asking) -> None:
    with pytest.raises(Forbidden) as caught:
        decided(request=asking(models=("m", "fast")), model=model)
    assert (caught.value.code, caught.value.param) == ("model_not_allowed", "model")


def test_an_unknown_model_is_not_found(decided) -> None:
    with pytest.raises(NotFound):
        decided(model="nobody")


def test_a_disabled_provider_is_named_with_its_variable(decided) -> None:
    with pytest.raises(Forbidden, match="provider 'openai' is disabled: OPENAI_API_KEY is not set") as caught:
        decided(model="gone")
    assert caught.value.code == "no_eligible_target"


def test_when_only_drained_targets_are_left_waiting_may_help(load_rules, chat, asking) -> None:
    table = load_rules(
        "providers: {q: {protocol: vllm, endpoints: [{url: 'http://q', drain: true}]}}\n"
        "models: {m: {targets: [{provider: q, model: m}]}}\n"
    )
    with pytest.raises(Unavailable) as caught:
        decide(table, chat(), asking(), lambda: 0.5)
    assert caught.value.code == "no_healthy_target"
    assert caught.value.headers["retry-after"]


def test_a_pinned_provider_is_the_only_one(decided, asking) -> None:
    assert ids(decided(request=asking(provider="acme"))) == ["acme/m-acme@acme"]


def test_a_policys_hard_requirements_leave_out_what_does_not_state_them(decided) -> None:
    decision = decided("defaults: {policy: at-home}")
    assert ids(decision) == ["home/m@home"]
    assert [(r.target_id, r.reason) for r in decision.rejected] == [
        ("acme/m-acme@acme", "policy 'at-home': region unknown is not eu")
    ]


def test_a_price_ceiling_leaves_out_the_dear_and_the_unknown(decided) -> None:
    with pytest.raises(Forbidden, match=r"its price is unknown.*above max_price"):
        decided("defaults: {policy: cheap}")


GUARDS = """
guards:
  - {name: free stays at home, when: "key.tags.tier == 'free'", only: {providers: [home]}}
  - {name: no images, when: "request.has_images", deny: "no images here"}
"""


def test_a_guard_narrows_the_keys_it_means_and_no_others(decided, asking) -> None:
    assert ids(decided(GUARDS, request=asking(tags={"tier": "free"}))) == ["home/m@home"]
    assert len(ids(decided(GUARDS, request=asking(tags={"tier": "paid"})))) == 2
    assert len(ids(decided(GUARDS))) == 2


def test_a_guard_that_leaves_nobody_is_named(decided, asking) -> None:
    with pytest.raises(Forbidden, match="guard 'free stays at home'") as caught:
        decided(GUARDS, model="big", request=asking(tags={"tier": "free"}))
    assert caught.value.code == "no_eligible_target"


def test_a_guard_denies_with_its_message(decided) -> None:
    image = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]
    with pytest.raises(Forbidden, match=r"no images here \(guard 'no images'\)") as caught:
        decided(GUARDS, messages=image)
    assert caught.value.code == "denied_by_guard"


def test_an_error_in_a_guard_denies(decided, asking) -> None:
    guard = "guards: [{name: g, when: \"request.headers['x-a'] == 'b'\", deny: x}]"
    with pytest.raises(Forbidden, match="can't be evaluated") as caught:
        decided(guard)
    assert caught.value.code == "denied_by_guard"
    assert decided(guard, request=asking(headers={"X-A": "c"}))


def test_facts_that_can_not_be_told_deny_where_there_are_guards(decided, asking) -> None:
    guard = 'guards: [{name: g, when: "request.headers.size() > 99", deny: x}]'
    with pytest.raises(Forbidden, match="can't be evaluated") as caught:
        decided(guard, request=asking(headers={"x-a": "\udcff"}))  # a byte that is no UTF-8, as servers hand it on
    assert caught.value.code == "denied_by_guard"
    route = 'routes: [{name: r, when: "request.headers.size() > 99", route: big}]'
    assert decided(route, request=asking(headers={"x-a": "\udcff"})).failed_conditions == ("r",)


@pytest.mark.parametrize(
    ("effect", "left"),
    [
        ("except: {providers: [home]}", ["acme/m-acme@acme"]),
        ("except: {providers: [home], regions: [us]}", ["home/m@home", "acme/m-acme@acme"]),
        ("except: {regions: [us]}", ["home/m@home"]),
        ("except: {models: [m-a*]}", ["home/m@home"]),
        ("only: {regions: [eu, us]}", ["home/m@home"]),
        ("only: {models: [m], providers: [acme]}", ["acme/m-acme@acme"]),
        ("require: {trains: false}", ["home/m@home"]),
        ("require: {max_price: {output: 5}}", ["acme/m-acme@acme"]),
    ],
)
def test_each_way_of_narrowing(effect: str, left: list[str], decided) -> None:
    assert ids(decided(f"guards: [{{name: g, when: 'true', {effect}}}]")) == left


def test_a_guard_for_some_models_follows_the_request_along_a_route(decided) -> None:
    rules = (
        "guards: [{name: g, when: 'true', models: [big], deny: x}]\n"
        "routes: [{name: r, when: 'request.stream', route: big}]"
    )
    assert decided(rules)
    with pytest.raises(Forbidden):
        decided(rules, model="big")
    with pytest.raises(Forbidden):
        decided(rules, stream=True)


@pytest.mark.parametrize(
    ("guard", "part"),
    [
        ("when: 'load[\"home\"].waiting > 1', deny: x", "when"),
        ("when: 'key.spent_fraction > 0.5', deny: x", "when"),
    ],
)
def test_a_guard_that_can_not_be_enforced_yet_is_refused(guard: str, part: str, faults) -> None:
    assert f"guards[0].{part}: " in faults(RULES + f"guards: [{{name: g, {guard}}}]")[0]


ROUTES = """
routes:
  - {name: long, models: [fast, m], when: "request.input_tokens > 100", route: big}
  - {name: both, when: "request.user == 'both'", route: [big, fast]}
  - {name: broken, when: "request.metadata.x == 'y'", route: big}
  - {name: home, when: "key.tags.tier == 'free'", policy: at-home}
  - {name: loaded, when: "load['home'].waiting > 1", route: big}
"""


def test_the_first_route_that_matches_decides(decided, asking) -> None:
    long = decided(ROUTES, model="fast", user="both", padding="x" * 500, request=asking(tags={"tier": "free"}))
    assert (long.route, long.model, ids(long)) == ("long", "big", ["acme/big-acme@acme"])
    both = decided(ROUTES, user="both")
    assert (both.route, ids(both)) == ("both", ["acme/big-acme@acme", "home/m@home", "acme/m-acme@acme"])


def test_an_error_in_a_route_is_false_and_told(decided, asking) -> None:
    decision = decided(ROUTES, request=asking(tags={"tier": "free"}))
    assert (decision.route, decision.policy, ids(decision)) == ("home", "at-home", ["home/m@home"])
    assert decision.failed_conditions == ("broken",)


def test_a_route_does_not_override_a_pinned_provider(decided, asking) -> None:
    decision = decided(ROUTES, padding="x" * 500, request=asking(provider="home"))
    assert ids(decision) == ["home/m@home"]


def test_a_route_needs_no_permission_for_the_model_it_leads_to(decided, asking) -> None:
    assert decided(ROUTES, padding="x" * 500, request=asking(models=("m",))).model == "big"


def test_variants_are_chosen_by_weight_under_the_one_name(load_rules, chat, asking) -> None:
    table, dice = load_rules(RULES), random.Random(1).random
    decisions = [decide(table, chat("ab"), asking(), dice) for _ in range(2_000)]
    assert {decision.model for decision in decisions} == {"ab"}
    firsts = Counter(ids(decision)[0] for decision in decisions)
    assert abs(firsts["home/m@home"] - 1_500) < 120


@pytest.mark.parametrize(
    ("condition", "fields", "headers"),
    [
        ("request.model == 'm'", {}, {}),
        ("request.max_tokens == 7", {"max_tokens": 7}, {}),
        ("request.max_tokens == 8", {"max_completion_tokens": 8, "max_tokens": 7}, {}),
        ("request.stream", {"stream": True}, {}),
        ("request.has_tools", {"tools": [{"type": "function"}]}, {}),
        ("request.has_audio", {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, {}),
        ("request.json_schema", {"response_format": {"type": "json_schema"}}, {}),
        ("request.reasoning", {"reasoning_effort": "low"}, {}),
        ("!request.reasoning", {"reasoning_effort": "none"}, {}),
        ("request.reasoning", {"reasoning": {"max_tokens": 5}}, {}),
        ("!request.reasoning", {"reasoning": {"enabled": False, "effort": "high"}}, {}),
        ("request.user == 'u'", {"user": "u"}, {}),
        (
            "request.system.startsWith('a') && request.system.endsWith('b') && request.system.size() == 3",
            {"messages": [{"role": "system", "content": "a"}, {"role": "developer", "content": "b"}]},
            {},
        ),
        ("request.last_user == 'hi'", {}, {}),
        ("request.dialect == 'openai_chat'", {}, {}),
        ("request.tags.tier == 'gold'", {}, {"x-headrace-tags": "a=b, tier=gold"}),
        ("request.tags.tier == ''", {}, {"x-headrace-tags": "broken"}),
        ("request.metadata.k == 'v'", {"metadata": {"k": "v", "n": 1}}, {}),
        (
            "!('authorization' in request.headers) && request.headers['x-b'] == '1'",
            {},
            {"Authorization": "k", "X-B": "1"},
        ),
        ("key.name == 'app' && key.team == ''", {}, {}),
        ("time.hour == 14 && time.weekday == 3", {}, {}),
    ],
)
def test_what_conditions_can_read(condition: str, fields: dict, headers: dict, decided, asking) -> None:
    rules = f'routes: [{{name: r, when: "{condition}", policy: at-home}}]'
    now = datetime(2026, 11, 25, 13, 30, tzinfo=UTC).timestamp()  # a Wednesday; 14:30 in Berlin
    assert decided(rules, request=asking(headers=headers), now=now, **fields).route == "r"


@pytest.mark.parametrize(
    "messages", [None, 5, [None], [{"content": [None, 5]}], [{"role": "user", "content": {"a": 1}}]]
)
def test_a_body_of_odd_shape_is_no_error_of_ours(messages: object, decided) -> None:
    condition = 'request.has_images || request.last_user == "x" || request.system == "y"'
    rules = f"routes: [{{name: r, when: '{condition}', policy: at-home}}]"
    assert decided(rules, messages=messages).route is None
