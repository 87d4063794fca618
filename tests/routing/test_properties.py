"""What holds of every decision, for generated files, requests, and states of the targets."""

import random
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from backends.types import ChatRequest
from gateway.errors import GatewayError
from gateway.routing.abilities import needs_of
from gateway.routing.body import output_limit
from gateway.routing.candidates import decide
from gateway.routing.decision import Decision, Kind
from gateway.routing.explain import Explainer
from gateway.routing.features import as_json, features_of, from_json, made_up
from gateway.routing.suitability import count_input
from gateway.routing.table import RoutingTable, load

SOME = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NAMES = ("p0", "p1", "p2", "p3")
CAPABILITIES = ("tools", "json_schema", "n", "images")
OBJECTIVES = ("priority", "weighted", "cost", "latency", "throughput")

targets = st.fixed_dictionaries(
    {"provider": st.sampled_from(NAMES), "priority": st.integers(1, 3), "weight": st.integers(1, 9)},
    optional={
        "capabilities": st.lists(st.sampled_from(CAPABILITIES), unique=True),
        "context_window": st.integers(10, 400),
        "price": st.fixed_dictionaries({"input": st.integers(0, 9), "output": st.integers(0, 9)}),
        "quantization": st.sampled_from(["fp8", "bf16"]),
        "data_policy": st.fixed_dictionaries({"trains": st.booleans(), "region": st.sampled_from(["eu", "us"])}),
    },
)
policies = st.fixed_dictionaries(
    {"objective": st.sampled_from(OBJECTIVES)},
    optional={"require": st.sampled_from([{"regions": ["eu"]}, {"trains": False}, {"max_price": {"input": 5}}])},
)
guards = st.lists(
    st.sampled_from(
        [
            {"when": "true", "only": {"providers": ["p0", "p1"]}},
            {"when": "request.stream", "except": {"providers": ["p1"]}},
            {"when": "request.has_tools", "require": {"trains": False}},
            {"when": "true", "max_tokens": 50},
        ]
    ),
    max_size=2,
)
wishes = st.fixed_dictionaries(
    {},
    optional={
        "only": st.lists(st.sampled_from(NAMES), min_size=1, unique=True),
        "ignore": st.lists(st.sampled_from(NAMES), max_size=1),
        "order": st.lists(st.sampled_from(NAMES), unique=True),
        "sort": st.sampled_from(["price", "latency", "throughput"]),
        "allow_fallbacks": st.booleans(),
        "data_collection": st.just("deny"),
        "quantizations": st.just(["fp8"]),
        "max_price": st.just({"prompt": 5}),
    },
)
bodies = st.fixed_dictionaries(
    {"messages": st.integers(0, 500).map(lambda n: [{"role": "user", "content": "word " * n}])},
    optional={
        "stream": st.booleans(),
        "tools": st.just([{"type": "function", "function": {"name": "f"}}]),
        "n": st.integers(1, 2),
        "max_tokens": st.integers(1, 300),
        "provider": wishes,
    },
)


@st.composite
def files(draw: st.DrawFn) -> dict[str, Any]:
    """A routing file with one model, whose targets differ by name, so that each has an id of its own."""
    listed = draw(st.lists(targets, min_size=1, max_size=5))
    for index, target in enumerate(listed):
        target["model"] = f"t{index}"
    return {
        "providers": {name: {"protocol": "openai", "base_url": f"http://{name}/v1"} for name in NAMES},
        "models": {"m": {"policy": "p", "targets": listed}},
        "policies": {"p": draw(policies)},
        "guards": [{"name": f"g{index}", **guard} for index, guard in enumerate(draw(guards))],
    }


class Asking:
    """A request by a key that may use everything."""

    provider = None

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.principal = self
        self.key_id, self.name, self.team, self.tags = "key", "app", None, dict[str, str]()

    def may_use(self, _: str) -> bool:
        return True


def table_of(file: dict[str, Any]) -> RoutingTable:
    return load(orjson.dumps(file).decode(), path="r", environment={}, read_file=lambda _: "")


def chat_of(body: dict[str, Any]) -> ChatRequest:
    whole = {"model": "m", **body}
    return ChatRequest(orjson.dumps(whole), whole, "m", bool(whole.get("stream")), wants_usage=False)


def decided(file: dict[str, Any], body: dict[str, Any], seed: int = 1, **more: Any) -> Decision | None:
    try:
        return decide(table_of(file), chat_of(body), Asking(), random.Random(seed).random, **more)
    except GatewayError:
        return None


def target_of(file: dict[str, Any], target_id: str) -> dict[str, Any]:
    name = target_id.partition("/")[2].partition("@")[0]
    return next(one for one in file["models"]["m"]["targets"] if one["model"] == name)


@SOME
@given(files(), bodies, st.sets(st.sampled_from(NAMES)))
def test_no_candidate_is_one_that_was_left_out(file: dict, body: dict, resting: set[str]) -> None:
    found = decided(file, body, reopens=lambda target: 9.0 if target.partition("/")[0] in resting else None)
    assume(found is not None)
    out = {one.target_id for one in found.rejected}
    kept = {one.id for one in found.candidates}
    assert kept
    assert not kept & out
    assert len(kept) == len(found.candidates)
    assert {name.partition("@")[0].partition("/")[2] for name in kept | out} == {
        one["model"] for one in file["models"]["m"]["targets"]
    }


@SOME
@given(files(), bodies)
def test_every_candidate_can_serve_and_is_wanted(file: dict, body: dict) -> None:
    found = decided(file, body)
    assume(found is not None)
    chat = found.chat or chat_of(body)
    needs, wish = needs_of(chat.body), body.get("provider", {})
    for one in found.candidates:
        target = target_of(file, one.id)
        if "capabilities" in target:
            assert needs <= set(target["capabilities"])
        if "context_window" in target:
            assert count_input(chat) * 4 // 6 + output_limit(chat.body) <= target["context_window"]
        assert one.target.provider in wish.get("only", NAMES)
        assert one.target.provider not in wish.get("ignore", ())
        if "data_collection" in wish:
            assert target["data_policy"]["trains"] is False
        for guard in file["guards"]:
            if guard["when"] == "true" and "only" in guard:
                assert one.target.provider in guard["only"]["providers"]


@SOME
@given(files(), bodies, st.integers(0, 99))
def test_the_explanation_is_the_decision(file: dict, body: dict, seed: int) -> None:
    found = decided(file, body, seed)
    told = Explainer(table_of(file)).dry_run(chat_of(body), Asking(), random.Random(seed).random)
    if found is None:
        assert told["denied"] is not None
        assert not told["candidates"]
    else:
        assert [one["target"] for one in told["candidates"]] == [one.id for one in found.candidates]
        assert [(one["target"], one["reason"]) for one in told["rejected"]] == [
            (one.target_id, one.reason) for one in found.rejected
        ]


REMEDIES = {
    Kind.CAPABILITY: lambda file, _, target: target.pop("capabilities"),
    Kind.CONTEXT: lambda file, _, target: target.pop("context_window"),
    Kind.POLICY: lambda file, _, target: file["policies"]["p"].pop("require"),
    Kind.GUARD: lambda file, _, target: file["guards"].clear(),
    Kind.PREFERENCE: lambda _, body, target: body.pop("provider"),
}


@SOME
@given(files(), bodies)
def test_without_its_reason_a_target_is_left_out_no_more_or_for_another(file: dict, body: dict) -> None:
    found = decided(file, body)
    assume(found is not None and found.rejected)
    one = found.rejected[0]
    changed, asked = orjson.loads(orjson.dumps(file)), orjson.loads(orjson.dumps(body))
    REMEDIES[one.kind](changed, asked, target_of(changed, one.target_id))
    after = decided(changed, asked)
    assert after is not None
    still = {(each.target_id, each.kind) for each in after.rejected}
    assert (one.target_id, one.kind) not in still
    candidates = {each.id for each in after.candidates}
    assert one.target_id in candidates | {name for name, _ in still}


@SOME
@given(files(), bodies, st.integers(0, 99))
def test_the_same_inputs_give_the_same_decision(file: dict, body: dict, seed: int) -> None:
    assert decided(file, body, seed) == decided(file, body, seed)


@SOME
@given(files(), bodies, st.integers(0, 99))
def test_what_is_kept_of_a_request_is_decided_alike(file: dict, body: dict, seed: int) -> None:
    kept = from_json(as_json(features_of(chat_of(body), Asking(), "openai_chat", 0.0)))
    chat, asking = made_up(kept)
    found = decided(file, body, seed)
    if found is None:
        with pytest.raises(GatewayError):
            decide(table_of(file), chat, asking, random.Random(seed).random)
    else:
        again = decide(table_of(file), chat, asking, random.Random(seed).random)
        assert again._replace(chat=None) == found._replace(chat=None)
    assert features_of(chat, asking, "openai_chat", 0.0) == kept


@pytest.mark.parametrize("objective", ["weighted", "priority"])
@given(weights=st.lists(st.integers(1, 20), min_size=2, max_size=4))
@settings(max_examples=8, deadline=None)
def test_splits_converge_to_their_weights(objective: str, weights: list[int]) -> None:
    listed = [{"provider": NAMES[i], "model": f"t{i}", "weight": weight} for i, weight in enumerate(weights)]
    file = {
        "providers": {name: {"protocol": "openai", "base_url": f"http://{name}/v1"} for name in NAMES},
        "models": {"m": {"policy": "p", "targets": listed}},
        "policies": {"p": {"objective": objective}},
    }
    table, dice, drawn = table_of(file), random.Random(7).random, 3_000
    firsts = [decide(table, chat_of({"messages": []}), Asking(), dice).candidates[0].target.model for _ in range(drawn)]
    for index, weight in enumerate(weights):
        share = weight / sum(weights)
        # Five standard deviations: chance alone leaves these bounds once in a million draws.
        assert abs(firsts.count(f"t{index}") / drawn - share) < 5 * (share * (1 - share) / drawn) ** 0.5 + 1e-9
