"""Guards that bound the output, and variants that stay with whom they were given to."""

from collections import Counter

import orjson
import pytest

from gateway.auth.principal import Principal
from gateway.routing.candidates import decide
from gateway.routing.variants import fraction

RULES = """
tags: {tier: [free, paid]}
providers: {a: {protocol: openai, base_url: "http://a/v1"}, b: {protocol: openai, base_url: "http://b/v1"}}
models:
  m: {targets: [{provider: a, model: m}]}
  n: {targets: [{provider: b, model: n}]}
"""
GUARDS = """
guards:
  - {name: short, when: "true", max_tokens: 100}
  - {name: shorter, when: "key.tags.tier == 'free'", max_tokens: 10}
"""


@pytest.fixture
def decided(load_rules, chat, asking):
    def run(more: str = GUARDS, *, request=None, change=None, **fields):
        asked = chat(**fields)
        asked = asked._replace(**change) if change else asked
        return decide(load_rules(RULES + more), asked, request or asking(), lambda: 0.5, dialect=asked.dialect)

    return run


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({}, {"max_tokens": 100}),
        ({"max_tokens": 500}, {"max_tokens": 100}),
        ({"max_completion_tokens": 500}, {"max_completion_tokens": 100}),
        ({"max_completion_tokens": 500, "max_tokens": 5}, {"max_completion_tokens": 100, "max_tokens": 5}),
        ({"max_tokens": None}, {"max_tokens": 100}),
    ],
)
def test_a_guard_lowers_the_output_limit(fields: dict, sent: dict, decided) -> None:
    decision = decided(**fields)
    assert {name: decision.chat.body[name] for name in sent} == sent
    assert orjson.loads(decision.chat.raw) == decision.chat.body
    assert decision.lowered_to == 100


def test_who_asks_for_less_is_left_alone(decided) -> None:
    decision = decided(max_tokens=100)
    assert (decision.chat, decision.lowered_to, decision.guards) == (None, None, ("short",))


def test_the_least_of_several_limits_holds(decided, asking) -> None:
    decision = decided(request=asking(tags={"tier": "free"}))
    assert decision.chat.body["max_tokens"] == decision.lowered_to == 10


@pytest.mark.parametrize(
    ("dialect", "name"), [("anthropic_messages", "max_tokens"), ("openai_responses", "max_output_tokens")]
)
def test_the_limit_has_each_dialects_own_name(dialect: str, name: str, decided) -> None:
    native = {"model": "m", name: 5_000}
    decision = decided(max_tokens=5_000, change={"dialect": dialect, "native": native})
    assert decision.chat.native == {"model": "m", name: 100}
    assert orjson.loads(decision.chat.raw) == decision.chat.native
    assert decision.chat.body["max_tokens"] == 100


def test_what_is_not_written_token_by_token_has_no_such_limit(decided) -> None:
    assert decided(change={"dialect": "openai_embeddings"}).chat is None


def test_the_limit_counts_towards_the_context_window(decided) -> None:
    rules = GUARDS + "  - {name: big, when: 'true', models: [w], max_tokens: 50}\n"
    wide = "  w: {context_window: 120, targets: [{provider: a, model: w}]}\n"
    assert decided(wide + rules, model="w", max_tokens=9_000).candidates


def ab(sticky: str, a: int = 1, b: int = 1) -> str:
    return f"  ab: {{sticky: {sticky}, variants: {{a: {{weight: {a}, model: m}}, b: {{weight: {b}, model: n}}}}}}\n"


def models(load_rules, chat, requests, rules: str, **fields) -> list[str]:
    table, throws = load_rules(RULES + rules), iter(range(10**9))
    found = []
    for request in requests:
        decision = decide(table, chat("ab", **fields), request, lambda: (next(throws) * 0.37) % 1.0)
        found.append(decision.candidates[0].target.model)
    return found


def test_a_key_keeps_its_variant(load_rules, chat, asking) -> None:
    assert len(set(models(load_rules, chat, [asking()] * 20, ab("key")))) == 1


class Key:
    """A request by one of many keys."""

    def __init__(self, number: int) -> None:
        self.principal = Principal(f"key_{number}", "app")
        self.provider = None
        self.headers: dict[str, str] = {}


def test_many_keys_are_split_by_weight(load_rules, chat) -> None:
    keys = [Key(number) for number in range(2_000)]
    count = Counter(models(load_rules, chat, keys, ab("key", 3, 1)))
    assert abs(count["m"] - 1_500) < 100


def test_when_weights_change_only_their_difference_moves(load_rules, chat) -> None:
    keys = [Key(number) for number in range(500)]
    before, after = (models(load_rules, chat, keys, ab("key", a, 100 - a)) for a in (50, 60))
    moved = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert set(moved) == {("n", "m")}
    assert len(moved) < 80


def test_a_user_keeps_its_variant_and_others_have_theirs(load_rules, chat, asking) -> None:
    by_user = {
        user: set(models(load_rules, chat, [asking()] * 5, ab("user"), user=user)) for user in map(str, range(40))
    }
    assert all(len(found) == 1 for found in by_user.values())
    assert {found for one in by_user.values() for found in one} == {"m", "n"}


def test_a_conversation_keeps_its_variant_as_it_grows(load_rules, chat, asking) -> None:
    found = set()
    for topic in map(str, range(40)):
        turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": topic}]
        longer = [*turns, {"role": "assistant", "content": "yes"}, {"role": "user", "content": "and?"}]
        first, second = (models(load_rules, chat, [asking()], ab("conversation"), messages=m) for m in (turns, longer))
        assert first == second
        found.add(first[0])
    assert found == {"m", "n"}


@pytest.mark.parametrize("name", ["session_id", "prompt_cache_key"])
def test_a_conversation_may_have_a_name(name: str, load_rules, chat, asking) -> None:
    for session in map(str, range(10)):
        one, other = (
            models(
                load_rules,
                chat,
                [asking()],
                ab("conversation"),
                messages=[{"role": "user", "content": c}],
                **{name: session},
            )
            for c in "xy"
        )
        assert one == other
    by_header = {
        models(load_rules, chat, [asking(headers={"x-session-id": s})], ab("conversation"))[0]
        for s in map(str, range(30))
    }
    assert by_header == {"m", "n"}


def test_conditions_can_read_the_session(decided) -> None:
    rules = "routes: [{name: r, when: \"request.session == 's1'\", route: n}]"
    assert decided(rules, session_id="s1").route == "r"
    assert decided(rules).route is None


def test_fractions_are_spread_evenly() -> None:
    drawn = [fraction("key", str(number)) for number in range(4_000)]
    assert all(0 <= one < 1 for one in drawn)
    assert abs(sum(drawn) / len(drawn) - 0.5) < 0.02
