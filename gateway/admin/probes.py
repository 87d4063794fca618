"""What a provider is asked when it is tested, and what its answer shows. provider_trial is who asks.

Each probe is one small request, as an application would send it: what comes back has been through the same translators.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

MOST_TOKENS = 512
"""Enough for a model that thinks before it calls a tool; all others stop long before."""
_CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
_TOOL = {
    "type": "function",
    "function": {"name": "lookup_weather", "description": "The weather in a city, now.", "parameters": _CITY},
}
_SCHEMA = {"type": "json_schema", "json_schema": {"name": "place", "strict": True, "schema": _CITY}}


class Reply(NamedTuple):
    """What came back, as an application would have it."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Shown(NamedTuple):
    """What a reply shows: whether the capability is there, and what there is to say about it."""

    ok: bool
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """One capability."""

    name: str
    body: Mapping[str, Any]
    """The request, but for its model."""
    judge: Callable[[bytes], Shown]
    """Of a body that came with status 200. Raises what reading a malformed one raises."""
    fields: frozenset[str] = frozenset()
    """Without these the request asks for something else: `x-headrace-ignored` must not name them."""
    dialect: str = "openai_chat"


def _asked(text: str, **more: Any) -> Mapping[str, Any]:
    return {"messages": [{"role": "user", "content": text}], "max_completion_tokens": MOST_TOKENS, **more}


def _message(body: bytes) -> tuple[Mapping[str, Any], str | None]:
    choice = orjson.loads(body)["choices"][0]
    return choice["message"], choice["finish_reason"]


def _is_cut(finish: str | None) -> str:
    return f" (it stopped after {MOST_TOKENS} tokens)" if finish == "length" else ""


def _judge_chat(body: bytes) -> Shown:
    message, finish = _message(body)
    if message.get("content") or message.get("reasoning_content"):
        return Shown(ok=True)
    return Shown(ok=False, detail="it answered without a word" + _is_cut(finish))


def _judge_stream(body: bytes) -> Shown:
    said, counted, ended = 0, False, False
    for line in body.splitlines():
        data = line.removeprefix(b"data: ")
        if data is line or not data:
            continue
        if data == b"[DONE]":
            ended = True
            continue
        event = orjson.loads(data)
        if error := event.get("error"):
            return Shown(ok=False, detail=f"its stream broke: {error.get('message')}")
        counted = counted or bool(event.get("usage"))
        deltas = [choice["delta"] for choice in event["choices"]]
        said += any(delta.get("content") or delta.get("reasoning_content") for delta in deltas)
    if not said or not ended:
        return Shown(ok=False, detail="its stream brought nothing" if ended else "its stream has no end")
    pieces = f"{said} piece{'s' if said > 1 else ''}"
    return Shown(ok=True, detail=pieces if counted else f"{pieces}; it told no usage, which will be estimated")


def _judge_tools(body: bytes) -> Shown:
    message, finish = _message(body)
    for call in message.get("tool_calls") or ():
        arguments = orjson.loads(call["function"]["arguments"])
        if call["function"]["name"] == "lookup_weather" and isinstance(arguments.get("city"), str):
            return Shown(ok=True)
        return Shown(ok=False, detail="it called the tool with arguments that don't follow its schema")
    return Shown(ok=False, detail="it answered, without calling the tool" + _is_cut(finish))


def _judge_schema(body: bytes) -> Shown:
    message, finish = _message(body)
    try:
        answer = orjson.loads(message.get("content") or "")
    except orjson.JSONDecodeError:
        return Shown(ok=False, detail="it answered with something else than JSON" + _is_cut(finish))
    if isinstance(answer, dict) and set(answer) == {"city"} and isinstance(answer["city"], str):
        return Shown(ok=True)
    return Shown(ok=False, detail="it answered with JSON that does not follow the schema")


def _judge_embeddings(body: bytes) -> Shown:
    vector = orjson.loads(body)["data"][0]["embedding"]
    return Shown(ok=True, detail=f"{len(vector)} dimensions") if vector else Shown(ok=False, detail="an empty vector")


PROBES: Mapping[str, Probe] = MappingProxyType(
    {
        probe.name: probe
        for probe in (
            Probe("chat", _asked("Reply with the one word: ready"), _judge_chat),
            Probe(
                "stream",
                _asked("Count from one to five.", stream=True, stream_options={"include_usage": True}),
                _judge_stream,
            ),
            Probe(
                "tools",
                _asked("Call the tool lookup_weather for the city of Oslo.", tools=[_TOOL], tool_choice="auto"),
                _judge_tools,
                frozenset({"tools"}),
            ),
            Probe(
                "json_schema",
                _asked("Name one city in Norway, as JSON with the field city.", response_format=_SCHEMA),
                _judge_schema,
            ),
            Probe("embeddings", {"input": "ready"}, _judge_embeddings, dialect="openai_embeddings"),
        )
    }
)
"""By name, in the order in which they are told."""
