"""A recorded answer, told to callers of each dialect: what they hear is what the provider said."""

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from backends.errors import BackendError
from gateway.dialects.base import Dialect
from gateway.dialects.translated import TranslatedRelay
from tests.replay.comparing import cuts
from tests.replay.product import CREATED, adapter_of, chat_of
from tests.replay.readers import anthropic_messages, openai_chat, openai_responses
from tests.replay.readers.framing import sse_objects
from tests.replay.readers.table import read
from tests.replay.reading import Choice, Reading, Tokens
from tests.replay.recordings import Recording

READERS: Mapping[str, Any] = {
    "openai_chat": openai_chat,
    "anthropic_messages": anthropic_messages,
    "openai_responses": openai_responses,
}
ASKED: Mapping[str, Mapping[str, Any]] = {
    "openai_chat": {"messages": [{"role": "user", "content": "?"}]},
    "anthropic_messages": {"messages": [{"role": "user", "content": "?"}], "max_tokens": 64},
    "openai_responses": {"input": [{"role": "user", "content": "?"}]},
}


def told_differently(recording: Recording, dialect: Dialect) -> list[str]:
    """What a caller of this dialect hears otherwise. Errors are somebody else's matter."""
    expected = read(recording)
    if expected.faults or recording.api in ("responses", "invoke_model"):
        return []
    if len(expected.choices) > 1 and dialect.name != "openai_chat":  # those have no second choice, and can ask for none
        return []
    try:
        bodies = said_in(recording, dialect)
    except BackendError as error:
        return [f"an answer was taken for an error: {error!r}"]
    if len(set(bodies)) > 1:
        return ["another cut of the bytes gives another answer"]
    reader = READERS[dialect.name]
    heard = reader.read_stream(bodies[0]) if recording.stream else reader.read_whole(bodies[0])
    if dialect.name == "anthropic_messages":
        expected, heard = _as_messages_can(expected), _as_messages_can(heard)
    return (_disorder(dialect.name, bodies[0]) if recording.stream else []) + _heard(expected, heard)


def _as_messages_can(reading: Reading) -> Reading:
    """White space alone is no block there, and arguments that are no JSON (cut at a limit) are wrapped in an object, as
    its documentation advises: https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/fine-grained-tool-streaming
    """
    choices = []
    for choice in reading.choices:
        tools = tuple(tool._replace(arguments=_unwrapped(tool.arguments)) for tool in choice.tools)
        choices.append(
            choice._replace(
                text=re.sub(r"\s+", "", choice.text), refusal=re.sub(r"\s+", "", choice.refusal), tools=tools
            )
        )
    return reading._replace(choices=tuple(choices))


def _unwrapped(arguments: str) -> str:
    try:
        value = json.loads(arguments)
    except ValueError:
        return arguments
    return str(value["INVALID_JSON"]) if list(value) == ["INVALID_JSON"] else arguments


def said_in(recording: Recording, dialect: Dialect, more: Mapping[str, Any] = MappingProxyType({})) -> list[bytes]:
    """What goes out to a caller of this dialect: of a stream, in more than one cut. `more`: what the caller asks."""
    adapter = adapter_of(recording)
    asked: dict[str, Any] = {"model": "made-up-model", **ASKED[dialect.name], **more, "stream": recording.stream}
    if dialect.name == "openai_chat" and recording.stream:
        asked["stream_options"] = {"include_usage": True}
    chat = dialect.parse(json.dumps(asked).encode(), {})._replace(created=CREATED)
    common = chat_of(recording)
    if not recording.stream:
        completion = adapter.read(common, recording.body)
        return [dialect.render(chat, completion.answer, completion.usage)]
    bodies = []
    for _, pieces in list(cuts(recording.body, recording.id))[:3]:
        relay = TranslatedRelay(adapter.stream_decoder(common), dialect.stream_encoder(chat))
        bodies.append(b"".join(relay.feed(piece) for piece in pieces) + relay.close())
    return bodies


def _heard(expected: Reading, heard: Reading) -> list[str]:
    found = [] if len(expected.choices) == len(heard.choices) else [f"{len(heard.choices)} choices"]
    for wanted, choice in zip(expected.choices, heard.choices, strict=False):
        found += _choice(wanted, choice)
    if expected.usages and not any(_totals(a) == _totals(b) for a in expected.usages for b in heard.usages):
        found.append(f"usage is {heard.usages}, not {expected.usages[:2]}")
    return found


def _choice(wanted: Choice, choice: Choice) -> list[str]:
    found = []
    said = wanted.text + wanted.refusal
    if said not in (choice.text, choice.text + choice.refusal) and wanted.finish != "content_filter":
        found.append(f"text is {choice.text[-80:]!r} {choice.refusal[-80:]!r}, not {said[-80:]!r}")
    if wanted.reasoning.strip() != choice.reasoning.strip():
        found.append(f"reasoning is {choice.reasoning[-80:]!r}, not {wanted.reasoning[-80:]!r}")
    if [tool[1:] for tool in wanted.tools] != [tool[1:] for tool in choice.tools]:
        found.append(f"tools are {choice.tools!r}, not {wanted.tools!r}"[:300])
    if any(not tool.id for tool in choice.tools):
        found.append("a tool call without an id")
    refused = wanted.refusal or wanted.finish == "content_filter"
    called = bool(wanted.tools) and choice.finish == "tool_calls"
    if not refused and not called and wanted.finish != choice.finish:
        found.append(f"finish is {choice.finish}, not {wanted.finish}")
    if refused and not choice.refusal and choice.finish != "content_filter":
        found.append("nobody can tell that it is a refusal")
    return found


def _totals(usage: Tokens) -> tuple[int, int]:
    return usage.input + usage.cache_read + usage.cache_creation, usage.output + usage.reasoning


def _disorder(dialect: str, body: bytes) -> list[str]:
    """Events out of the order that the dialect's own documentation gives."""
    if dialect == "openai_chat":
        return [] if body.endswith(b"data: [DONE]\n\n") else ["it does not end with [DONE]"]
    kinds = [event["type"] for event in sse_objects(body) if event["type"] != "ping"]
    if dialect == "openai_responses":
        numbers = [event["sequence_number"] for event in sse_objects(body)]
        found = [] if numbers == list(range(len(numbers))) else ["sequence numbers have gaps"]
        ends = kinds[0] == "response.created" and kinds[-1] in ("response.completed", "response.incomplete")
        return found if ends else [*found, f"it begins with {kinds[0]} and ends with {kinds[-1]}"]
    ordered = kinds[0] == "message_start" and kinds[-2:] == ["message_delta", "message_stop"]
    return _blocks(body) + ([] if ordered else [f"events are {kinds[:3]} ... {kinds[-3:]}"])


def _blocks(body: bytes) -> list[str]:
    """One block at a time, numbered from 0."""
    open_block: int | None = None
    begun = 0
    for event in sse_objects(body):
        kind = event["type"]
        if kind == "content_block_start":
            if open_block is not None or event["index"] != begun:
                return [f"block {event['index']} begins while {open_block} is open, after {begun}"]
            open_block, begun = event["index"], begun + 1
        elif kind in ("content_block_delta", "content_block_stop"):
            if event["index"] != open_block:
                return [f"{kind} of block {event['index']} while {open_block} is open"]
            open_block = None if kind == "content_block_stop" else open_block
    return [] if open_block is None else ["a block is left open"]
