"""Reasoning on its way back: what an upstream signed has to reach it again with the next turn, through a caller who
only does what its own dialect's clients do: keep what they were given, and send it back."""

import base64
import json
from typing import Any, NamedTuple

from backends.errors import NotCarried
from gateway.errors import InvalidRequest
from tests.conformance import said as sayings
from tests.conformance.answers import SIGNS
from tests.conformance.asks import CHAT, MESSAGES, RESPONSES
from tests.conformance.asks_messages import asked, user
from tests.conformance.cells import Cell, State, answered, family_of, passes_through, send
from tests.conformance.said import Said
from tests.conformance.upstream_table import Upstream
from tests.replay.readers.framing import sse_objects

_ASKS: dict[str, Any] = {RESPONSES: {"include": ["reasoning.encrypted_content"], "store": False}}


class RoundTrip(NamedTuple):
    """One turn that has to come back."""

    name: str
    said: Said
    families: frozenset[str] = SIGNS


ROUND_TRIPS = (
    RoundTrip("signed reasoning, sent back", sayings.THOUGHT),
    RoundTrip("signed reasoning before a tool call, sent back", sayings.THOUGHT_TOOL),
    RoundTrip("redacted reasoning, sent back", sayings.REDACTED, frozenset({"anthropic", "bedrock"})),
)


def round_trip_cell(trip: RoundTrip, dialect: str, upstream: Upstream, *, stream: bool) -> Cell:
    """Whether the signature stands in what the upstream is sent next."""
    if family_of(dialect, upstream) not in trip.families:
        return Cell(State.NONE)
    asks = {**asked()[dialect], **_ASKS.get(dialect, {})}
    out = answered(dialect, upstream, trip.said, asks, stream=stream)
    objects = sse_objects(out) if stream else [json.loads(out)]
    kept = KEEPERS[dialect](objects, stream=stream)
    body = {**asks, **next_turn(dialect, asks, kept)}
    try:
        sent = json.dumps(send(dialect, upstream, body, {}, stream=stream).body, ensure_ascii=False)
    except (InvalidRequest, NotCarried) as error:
        return Cell(State.LOST, f"the next turn is refused: {error}")
    signature = trip.said.signature or trip.said.redacted
    blob = base64.b64encode(signature.encode()).decode()  # what is base64 itself travels to Bedrock encoded once more
    if signature not in sent and blob not in sent:
        return Cell(State.LOST, f"{signature} is not in {sent[:900]}; kept was {json.dumps(kept)[:500]}")
    if (
        trip.said.reasoning
        and trip.said.reasoning not in sent
        and family_of(dialect, upstream) in ("anthropic", "bedrock")
    ):
        return Cell(State.LOST, f"what was signed has changed: {sent[:900]}")
    return Cell(State.EXACT if passes_through(dialect, upstream) else State.CONVERTED)


def next_turn(dialect: str, asks: Any, kept: list[Any]) -> dict[str, Any]:
    """With the tools' results, or a further question."""
    before = asks["input" if dialect == RESPONSES else "messages"]
    if dialect == CHAT:
        calls = kept[0].get("tool_calls") or []
        results = [{"role": "tool", "tool_call_id": call["id"], "content": "Fog."} for call in calls]
        return {"messages": [*before, *kept, *(results or [user("And then?")])]}
    if dialect == MESSAGES:
        uses = [block for block in kept[0]["content"] if block["type"] == "tool_use"]
        answers = [{"type": "tool_result", "tool_use_id": use["id"], "content": "Fog."} for use in uses]
        return {"messages": [*before, *kept, user(answers or "And then?")]}
    outputs = [
        {"type": "function_call_output", "call_id": item["call_id"], "output": "Fog."}
        for item in kept
        if item["type"] == "function_call"
    ]
    return {"input": [*before, *kept, *(outputs or [user("And then?")])]}


def _chat(objects: list[Any], *, stream: bool) -> list[Any]:
    """OpenRouter's advice: keep `reasoning_details` in their order, and send them back unchanged."""
    if not stream:
        return [objects[0]["choices"][0]["message"]]
    message: dict[str, Any] = {"role": "assistant", "content": ""}
    for chunk in objects:
        for choice in chunk.get("choices") or []:
            delta = choice.get("delta") or {}
            for name in ("content", "reasoning", "reasoning_content"):
                if delta.get(name):
                    message[name] = message.get(name, "") + delta[name]
            if delta.get("reasoning_details"):
                message["reasoning_details"] = [*message.get("reasoning_details", []), *delta["reasoning_details"]]
            _add_calls(message, delta.get("tool_calls") or [])
    return [message]


def _add_calls(message: dict[str, Any], calls: list[Any]) -> None:
    for call in calls:
        known = message.setdefault("tool_calls", [])
        if call["index"] == len(known):
            known.append({"id": call["id"], "type": "function", "function": {"name": "", "arguments": ""}})
        for name in ("name", "arguments"):
            known[call["index"]]["function"][name] += call["function"].get(name) or ""


def _messages(objects: list[Any], *, stream: bool) -> list[Any]:
    """The blocks of the message, as they are."""
    if not stream:
        return [{"role": "assistant", "content": objects[0]["content"]}]
    blocks: list[dict[str, Any]] = []
    inputs: dict[int, str] = {}
    for event in objects:
        if event["type"] == "content_block_start":
            blocks.append(dict(event["content_block"]))
        elif event["type"] == "content_block_delta":
            delta = event["delta"]
            if "partial_json" in delta:
                inputs[event["index"]] = inputs.get(event["index"], "") + delta["partial_json"]
            for name in ("text", "thinking", "signature"):
                if name in delta:
                    blocks[event["index"]][name] = blocks[event["index"]].get(name, "") + delta[name]
    for index, text in inputs.items():
        blocks[index]["input"] = json.loads(text or "{}")
    return [{"role": "assistant", "content": blocks}]


def _responses(objects: list[Any], *, stream: bool) -> list[Any]:
    """The items of the output, as they are."""
    response = objects[-1]["response"] if stream else objects[0]
    items: list[Any] = response["output"]
    return items


KEEPERS = {CHAT: _chat, MESSAGES: _messages, RESPONSES: _responses}
"""What a client of each dialect keeps of an answer, for the next turn."""
