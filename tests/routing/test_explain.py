"""Explanations: what a key's owner may know of a decision, and what an operator may."""

import json
import random

import pytest

from gateway.errors import InvalidRequest, NotFound
from gateway.routing.brief import LONGEST, in_a_header
from gateway.routing.candidates import decide
from gateway.routing.explain import Explainer
from gateway.stats.snapshot import Snapshot, TargetStatistics

RULES = """\
tags: {tier: [free, paid]}
providers:
  a: {protocol: openai, base_url: "http://a/v1", api_key: sk-secret-of-a, headers: {x-secret: hidden-header}}
  b: {protocol: openai, base_url: "http://b/v1", api_key: sk-secret-of-b}
models:
  m:
    capabilities: [tools]
    policy: cheap
    targets:
      - {provider: a, model: m, price: {input: 1, output: 2}}
      - {provider: b, model: m, price: {input: 2, output: 4}, capabilities: [tools, images]}
    fallbacks: [other]
  other: {targets: [{provider: b, model: o}]}
policies: {cheap: {objective: cost}}
guards:
  - {name: short, when: "key.team != 'rich-customer'", max_tokens: 50}
  - {name: no audio, when: "request.has_audio && key.team != 'rich-customer'", deny: "no audio"}
routes:
  - {name: streams, when: "request.stream && key.team != 'rich-customer'", route: other}
"""
SEEN = Snapshot({"a/m@a": TargetStatistics(0.5, 1.0, 2.0, 0.01, 40.0)}, {}, 100.0)


@pytest.fixture
def told(load_rules, chat, asking):
    def run(*, operator: bool = False, request=None, **fields):
        explainer = Explainer(load_rules(RULES), SEEN, 1.5, operator=operator)
        return explainer.dry_run(chat(**fields), request or asking(), random.Random(1).random)

    return run


def test_candidates_come_with_what_they_are_expected_to_take(told) -> None:
    answer = told(max_tokens=100)
    first, second = answer["candidates"]
    assert first["target"] == "a/m@a"
    tokens = answer["input_tokens"]
    assert first["expected_usd"] == pytest.approx((tokens * 1 + 50 * 2) / 1e6, abs=3e-5)
    assert first["expected_seconds"] == 1.0
    assert second["expected_seconds"] is None
    assert answer["statistics_age_seconds"] == 1.5
    assert answer["fallbacks"]["on_error"] == ["other"]
    assert answer["policy"] == {"name": "cheap", "objective": "cost"}


def test_rules_are_told_with_their_line(told) -> None:
    answer = told(stream=True)
    assert answer["route"] == {"name": "streams", "line": 19}
    assert answer["guards"] == [{"name": "short", "line": 16}]
    assert answer["max_tokens_lowered_to"] == 50
    assert answer["decided"] == "other"


def test_who_is_left_out_is_told_with_the_reason(told) -> None:
    image = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]
    answer = told(messages=image)
    assert answer["needs"] == ["images"]
    assert answer["rejected"] == [{"target": "a/m@a", "reason": "does not do images", "kind": "capability"}]


def test_a_denial_is_an_answer(told) -> None:
    audio = [{"role": "user", "content": [{"type": "input_audio"}]}]
    denied = told(messages=audio)["denied"]
    assert (denied["status"], denied["code"]) == (403, "denied_by_guard")
    assert denied["guard"] == {"name": "no audio", "line": 17}
    elsewhere = told(model="m", n=2)
    assert (elsewhere["denied"], elsewhere["decided"]) == (None, "other")
    assert [one["kind"] for one in elsewhere["rejected"]] == ["model", "capability", "capability"]
    refused = told(model="other", provider={"only": ["nobody"]})
    assert refused["denied"]["code"] == "no_eligible_target"
    assert refused["rejected"] == [{"target": "b/o@b", "reason": "it is not in provider.only"}]


def test_what_can_not_be_asked_at_all_is_no_explanation(told) -> None:
    with pytest.raises(NotFound):
        told(model="nobody")
    with pytest.raises(InvalidRequest):
        told(provider={"sort": "beauty"})


def test_an_owner_sees_no_conditions_no_prices_and_no_files(told) -> None:
    text = json.dumps(told(stream=True))
    for hidden in ("rich-customer", "price", "routing_rules.yaml", "observations"):
        assert hidden not in text


def test_an_operator_sees_what_it_was_computed_from(told) -> None:
    answer = told(operator=True, stream=True)
    assert "rich-customer" in answer["route"]["when"]
    assert answer["route"]["file"] == "routing_rules.yaml"
    candidate = told(operator=True)["candidates"][0]
    assert candidate["price"]["input"] == 1
    assert candidate["statistics"] == {
        "ttft_p50": 0.5,
        "ttft_p95": 1.0,
        "ttft_p99": 2.0,
        "tokens_per_second": 100.0,
        "observations": 40.0,
    }


@pytest.mark.parametrize("operator", [False, True])
def test_nobody_sees_a_credential(told, *, operator: bool) -> None:
    for answer in (told(operator=operator), told(operator=operator, model="other", provider={"only": ["x"]})):
        assert "secret" not in json.dumps(answer)
        assert "hidden-header" not in json.dumps(answer)


def test_what_is_told_is_what_is_decided(load_rules, chat, asking) -> None:
    table = load_rules(RULES)
    for seed in range(20):
        decision = decide(table, chat(), asking(), random.Random(seed).random, snapshot=SEEN)
        answer = Explainer(table, SEEN).dry_run(chat(), asking(), random.Random(seed).random)
        assert [one["target"] for one in answer["candidates"]] == [one.id for one in decision.candidates]
        assert [one["target"] for one in answer["rejected"]] == [one.target_id for one in decision.rejected]


def test_a_header_is_one_short_line_of_ascii(load_rules, chat, asking, told) -> None:
    text = in_a_header(told(stream=True))
    assert json.loads(text)["route"] == "streams (line 19)"
    assert json.loads(text)["candidates"][0]["target"] == "b/o@b"
    many = "".join(f"      - {{provider: b, model: many-{i:03}-{'ü' * 20}}}\n" for i in range(200))
    table = load_rules(RULES.replace("  other:", f"  many:\n    targets:\n{many}  other:"))
    answer = Explainer(table, SEEN, 1.0).dry_run(chat("many"), asking(), random.Random(1).random)
    assert len(answer["candidates"]) == 200
    line = in_a_header(answer)
    assert len(line) <= LONGEST
    assert line.isascii()
    assert line.isprintable()
    shown = json.loads(line)
    assert shown["more"] + len(shown["candidates"]) == 200
    assert shown["candidates"][0]["target"] == answer["candidates"][0]["target"]


def test_a_header_of_a_denial_is_short_too(told) -> None:
    assert json.loads(in_a_header(told(model="other", provider={"only": ["x"]})))["rejected"][0]["target"] == "b/o@b"
