"""Who can serve a request at all: what it needs, how long it is, what it is asked in."""

import random

import pytest

from backends.errors import NotCarried
from backends.types import AnswerKind, ChatRequest, Clocks, Quirks, Target
from gateway.errors import Forbidden, InvalidRequest, Unavailable
from gateway.routing.abilities import NEEDS, Ability, needs_of, watched
from gateway.routing.candidates import decide
from gateway.routing.carriage import not_carried, understands
from gateway.routing.suitability import count_input
from gateway.translators import adapters, dialects

RULES = """
providers:
  a: {protocol: openai, base_url: "http://a/v1"}
  b: {protocol: openai, base_url: "http://b/v1"}
  claude: {protocol: anthropic, base_url: "http://c", api_key: k}
models:
  m:
    capabilities: [tools, json_schema]
    targets:
      - {provider: a, model: m}
      - {provider: b, model: m, priority: 2, capabilities: [tools, images, n]}
  silent: {targets: [{provider: a, model: s}]}
  wide:
    targets:
      - {provider: a, model: w, context_window: 1000}
      - {provider: b, model: w, priority: 2, context_window: 4000}
    fallbacks: {on_context_overflow: [huge], on_error: [silent]}
  narrow: {context_window: 1000, targets: [{provider: a, model: n}]}
  huge: {context_window: 100000, targets: [{provider: b, model: h}]}
  helped: {capabilities: [tools], targets: [{provider: a, model: x}], fallbacks: [m]}
  gone: {targets: [{provider: a, model: g, capabilities: [tools]}], fallbacks: [helped, gone]}
  mixed: {targets: [{provider: claude, model: c}, {provider: a, model: m, priority: 2}]}
  words: {targets: [{provider: claude, model: c}]}
"""
IMAGE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}]
TOOLS = [{"type": "function", "function": {"name": "f"}}]


@pytest.fixture
def decided(load_rules, chat, asking):
    def run(model: str = "m", *, more: str = "", **fields):
        return decide(load_rules(RULES + more), chat(model, **fields), asking(), random.Random(1).random)

    return run


def providers(decision) -> list[str]:
    return [one.target.provider for one in decision.candidates]


def part(kind: str) -> list[dict]:
    return [{"role": "user", "content": [{"type": kind}]}]


@pytest.mark.parametrize(
    ("fields", "needs"),
    [
        ({}, set()),
        ({"tools": TOOLS}, {"tools"}),
        ({"tools": []}, set()),
        ({"functions": [{"name": "f"}]}, {"tools"}),
        ({"response_format": {"type": "json_schema"}}, {"json_schema"}),
        ({"response_format": {"type": "json_object"}}, {"json_object"}),
        ({"response_format": {"type": "text"}}, set()),
        ({"reasoning_effort": "low"}, {"reasoning"}),
        ({"reasoning_effort": "none"}, set()),
        ({"reasoning": {"enabled": True}}, {"reasoning"}),
        ({"logprobs": True}, {"logprobs"}),
        ({"logprobs": 0}, {"logprobs"}),
        ({"logprobs": False}, set()),
        ({"n": 2}, {"n"}),
        ({"n": 1}, set()),
        ({"messages": part("image_url")}, {"images"}),
        ({"messages": part("input_audio")}, {"audio"}),
        ({"modalities": ["text", "audio"]}, {"audio"}),
        ({"messages": part("file")}, {"files"}),
        ({"messages": part("video_url")}, {"video"}),
        ({"messages": part("text")}, set()),
        ({"messages": [None, {"content": [None, {"type": 3}, {"type": []}]}], "n": "2"}, set()),
    ],
)
def test_what_a_body_needs(fields: dict, needs: set[str], chat) -> None:
    assert needs_of(chat(**fields).body) == needs


def test_only_what_some_target_lacks_is_looked_for() -> None:
    everything = frozenset().union(*(need.served_by for need in NEEDS))
    assert watched([Ability(everything), Ability(None)]) == ()
    assert [need.name for need in watched([Ability(everything - {"n"}), Ability(None)])] == ["n"]


def test_a_target_that_does_not_do_what_is_needed_is_left_out_with_the_reason(decided) -> None:
    assert providers(decided(tools=TOOLS)) == ["a", "b"]
    decision = decided(messages=IMAGE)
    assert providers(decision) == ["b"]
    assert [(one.target_id, one.reason) for one in decision.rejected] == [("a/m@a", "does not do images")]


def test_several_needs_are_all_named(decided) -> None:
    with pytest.raises(Forbidden, match="a/m@a: does not do images and n; b/m@b: does not do json_schema") as caught:
        decided(messages=IMAGE, n=3, response_format={"type": "json_schema"})
    assert caught.value.code == "no_eligible_target"
    assert caught.value.metadata["rejected"][1]["target"] == "b/m@b"


def test_who_does_schemas_does_objects(decided) -> None:
    assert providers(decided(response_format={"type": "json_object"})) == ["a"]


def test_nothing_is_left_out_where_nothing_is_declared(decided) -> None:
    assert providers(decided("silent", messages=IMAGE, tools=TOOLS, n=9)) == ["a"]


def test_what_is_left_is_remembered_by_need_and_not_by_request(load_rules, chat, asking) -> None:
    table = load_rules(RULES)
    for _ in range(5):
        decide(table, chat(messages=IMAGE), asking(), lambda: 0.5)
        decide(table, chat(tools=TOOLS), asking(), lambda: 0.5)
    assert len(table.models["m"].suited) == 2


def test_another_model_serves_what_nobody_of_this_one_can(decided) -> None:
    decision = decided("helped", messages=IMAGE)
    assert (decision.model, providers(decision)) == ("m", ["b"])
    assert "does not do images" in {one.reason for one in decision.rejected if one.target_id == "a/x@a"}
    assert decided("gone", messages=IMAGE).model == "m"  # by way of `helped`


def test_fallbacks_in_a_circle_end(decided) -> None:
    loop = "  p: {capabilities: [tools], targets: [{provider: a, model: p}], fallbacks: [q]}\n"
    loop += "  q: {capabilities: [tools], targets: [{provider: a, model: q}], fallbacks: [p]}\n"
    with pytest.raises(Forbidden, match="a/p@a: does not do n"):
        decided("p", more=loop, n=2)


# How long it is


def test_a_window_that_is_too_small_leaves_out_its_target(decided) -> None:
    decision = decided("wide", messages=[{"role": "user", "content": "word " * 1_000}])
    assert providers(decision) == ["b"]
    assert decision.rejected[0].reason.startswith("its context window has 1000 tokens, for about 12")


def test_the_answers_limit_counts_too(decided) -> None:
    assert providers(decided("wide", max_tokens=900)) == ["a", "b"]
    assert providers(decided("wide", max_tokens=2_000)) == ["b"]
    assert providers(decided("wide", max_completion_tokens=2_000, max_tokens=1)) == ["b"]


def test_an_input_for_nobody_goes_to_the_model_for_long_ones(decided) -> None:
    decision = decided("wide", messages=[{"role": "user", "content": "word " * 9_000}])
    assert (decision.model, providers(decision)) == ("huge", ["b"])


def test_an_input_for_nobody_at_all_is_told_with_the_numbers(decided) -> None:
    with pytest.raises(InvalidRequest, match=r"length is 1000 tokens\. However, your request has 50") as caught:
        decided("narrow", messages=[{"role": "user", "content": "x" * 20_000}], max_tokens=10)
    error = caught.value
    assert (error.code, error.param, error.status) == ("context_length_exceeded", "messages", 400)


def test_where_an_estimate_says_no_and_nobody_else_is_there_the_target_decides(decided) -> None:
    about_1200 = [{"role": "user", "content": "word " * 960}]
    assert providers(decided("narrow", messages=about_1200)) == ["a"]
    with pytest.raises(InvalidRequest):
        decided("narrow", messages=about_1200, max_tokens=300)


def test_pictures_and_escapes_are_no_words(decided, chat) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000}}
    asked = chat("narrow", messages=[{"role": "user", "content": [picture, {"type": "text", "text": "what?"}]}])
    assert asked.input_tokens > 20_000
    assert count_input(asked) < 20
    assert providers(decided("narrow", messages=asked.body["messages"])) == ["a"]
    written_with_escapes = chat()._replace(raw=b"x" * 6_000, body={"messages": [{"content": "\u4f60" * 1_000}]})
    assert count_input(written_with_escapes) == 750


def test_other_routes_have_limits_of_their_own(load_rules, asking) -> None:
    body = {"model": "narrow", "input": ["x" * 3_000] * 100}
    embeddings = ChatRequest(b"x" * 300_000, body, "narrow", stream=False, wants_usage=False)
    embeddings = embeddings._replace(dialect="openai_embeddings", answers=AnswerKind.DATA)
    assert decide(load_rules(RULES), embeddings, asking(), lambda: 0.5, dialect="openai_embeddings")


# What it is asked in


def test_a_route_that_a_target_has_not_is_known_beforehand(load_rules, asking) -> None:
    table = load_rules(RULES)
    for name in ("mixed", "words"):
        body = {"model": name, "input": "x"}
        chat = ChatRequest(b"{}", body, name, stream=False, wants_usage=False, answers=AnswerKind.DATA)
        chat = chat._replace(dialect="openai_embeddings")
        if name == "mixed":
            decision = decide(table, chat, asking(), lambda: 0.5, dialect="openai_embeddings")
            assert providers(decision) == ["a"]
            assert decision.rejected[0].reason == "its provider has no route for embeddings"
        else:
            with pytest.raises(InvalidRequest, match="no route for embeddings"):
                decide(table, chat, asking(), lambda: 0.5, dialect="openai_embeddings")


def test_what_can_not_be_translated_goes_to_those_who_speak_it(load_rules, asking, chat) -> None:
    table = load_rules(RULES)
    said = ("tools[0].type", "Only Anthropic can do this.")
    asked = chat("mixed")._replace(dialect="anthropic_messages", native={}, untranslated=said)
    assert providers(decide(table, asked, asking(), lambda: 0.5, dialect="anthropic_messages")) == ["claude"]
    with pytest.raises(InvalidRequest, match="Only Anthropic can do this") as caught:
        decide(table, asked._replace(model="m"), asking(), lambda: 0.5, dialect="anthropic_messages")
    assert caught.value.param == "tools[0].type"


def test_a_drained_target_that_could_not_serve_anyway_is_nothing_to_wait_for(load_rules, chat, asking) -> None:
    table = load_rules(
        "providers: {q: {protocol: vllm, endpoints: [{url: 'http://q', drain: true}]}}\n"
        "models: {m: {capabilities: [tools], targets: [{provider: q, model: m}]}}\n"
    )
    with pytest.raises(Unavailable):
        decide(table, chat(tools=TOOLS), asking(), lambda: 0.5)
    with pytest.raises(Forbidden, match="drained"):
        decide(table, chat(messages=IMAGE), asking(), lambda: 0.5)


QUIRKS = [
    Quirks(),
    Quirks(dialects=frozenset({"openai_embeddings"})),
    Quirks(dialects=frozenset({"anthropic_messages"})),
]


@pytest.mark.parametrize("quirks", QUIRKS, ids=["nothing known", "embeddings", "messages"])
@pytest.mark.parametrize("model", ["m", "claude-x", "anthropic/claude-x", "google/gemini-x"])
@pytest.mark.parametrize("protocol", sorted(adapters()))
def test_the_table_says_what_the_adapters_say(protocol: str, model: str, quirks: Quirks) -> None:
    adapter = adapters()[protocol]
    target = Target("p", protocol, model, "https://upstream.example/v1", "x", "key", quirks=quirks)
    for name in {dialect.name for dialect in dialects().values()}:
        assert understands(name, target) == adapter.speaks(name, target), name
    for name, body in (
        ("openai_embeddings", {"model": "m", "input": "x"}),
        ("rerank", {"model": "m", "query": "x", "documents": ["a"]}),
    ):
        chat = ChatRequest(b'{"model":"m"}', body, "m", stream=False, wants_usage=False, answers=AnswerKind.DATA)
        chat = chat._replace(dialect=name)
        try:
            adapter.build_request(chat, target, Clocks())
            carried = True
        except NotCarried:
            carried = False
        assert (not_carried(chat, target) is None) == carried, name
