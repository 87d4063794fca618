"""The product's side: which adapter answers for a recording, and what it makes of an answer, as a Reading.

What the adapters give in the common form is folded here by the same plain means as the readers use.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from backends.adapter import Adapter, Completion
from backends.errors import BackendError
from backends.providers.compatible import KNOWN_PROVIDERS
from backends.types import NO_QUIRKS, ChatRequest, Target, Usage
from gateway.translators import adapters
from tests.replay.reading import Choice, Reading, Tokens, Tool, canonical, joined
from tests.replay.recordings import Recording

CREATED = 1_700_000_000
_PROTOCOLS = {
    "responses": "openai",
    "messages": "anthropic",
    "converse": "bedrock",
    "invoke_model": "bedrock",
    "chat_v2": "cohere",
    "vertex_raw_predict": "vertex",
}
_OWN_DIALECTS = {
    "chat_completions": "openai_chat",
    "responses": "openai_responses",
    "messages": "anthropic_messages",
    "invoke_model": "anthropic_messages",
    "vertex_raw_predict": "anthropic_messages",
}
_ROWS = {"gemini": "google"}


def protocol_of(recording: Recording) -> str:
    """The protocol whose adapter reads this."""
    if recording.api == "generate_content":
        return "vertex" if recording.provider == "vertex" else "gemini"
    if recording.api == "chat_completions":
        return {"azure": "azure", "vllm": "vllm"}.get(recording.provider, "openai")
    if recording.api == "responses" and recording.provider == "azure":
        return "azure"
    return _PROTOCOLS[recording.api]


@cache
def _known() -> Mapping[str, Adapter]:
    return adapters()


def adapter_of(recording: Recording) -> Adapter:
    """Who reads it."""
    return adapter_named(protocol_of(recording))


def adapter_named(protocol: str) -> Adapter:
    """Who speaks this protocol."""
    return _known()[protocol]


def target_of(recording: Recording) -> Target:
    """Where the exchange went, as the routing file would have it."""
    protocol = protocol_of(recording)
    row = KNOWN_PROVIDERS.get(_ROWS.get(recording.provider, recording.provider))
    quirks = row.quirks if row is not None else NO_QUIRKS
    base = recording.url.split("/chat/")[0].split("/responses")[0].split("/v1/messages")[0]
    return Target(
        provider=recording.provider,
        protocol=protocol,
        model=recording.model,
        base_url=base,
        endpoint="recorded.example:443",
        api_key="not-a-key",
        quirks=quirks,
    )


def own_dialect(recording: Recording) -> str | None:
    """The dialect of a caller whose bytes could pass through; None: no caller speaks like this."""
    return _OWN_DIALECTS.get(recording.api)


def chat_of(recording: Recording, dialect: str = "openai_chat") -> ChatRequest:
    """A plain question in the common form, such as lets every answer be read as it is."""
    body: dict[str, Any] = {
        "model": recording.model,
        "messages": [{"role": "user", "content": "?"}],
        "stream": recording.stream,
    }
    if isinstance(recording.request, dict) and recording.request.get("tools"):
        body["tools"] = []  # there were some; which ones does not matter
    if isinstance(recording.request, dict) and isinstance(recording.request.get("n"), int):
        body["n"] = recording.request["n"]
    native = {"model": recording.model, "messages": []} if dialect != "openai_chat" else None
    raw = json.dumps(native or body).encode()
    return ChatRequest(
        raw, body, recording.model, recording.stream, wants_usage=True, dialect=dialect, native=native, created=CREATED
    )


class Problem(NamedTuple):
    """Something that the common form does not allow, whatever the provider said."""

    what: str


def fold_answer(completion: Completion) -> tuple[Reading, list[Problem]]:
    """A whole answer in the common form."""
    problems: list[Problem] = []
    answer = completion.answer
    if "usage" in answer:
        problems.append(Problem("usage is still in the answer"))
    if answer.get("object", "chat.completion") != "chat.completion":  # some imitators leave it out
        problems.append(Problem(f"object is {answer.get('object')!r}"))
    messages = [(choice.get("message") or {}, choice.get("finish_reason")) for choice in answer["choices"]]
    choices = tuple(_choice(message, finish, problems) for message, finish in messages)
    return _reading(choices, completion.usage, [message for message, _ in messages]), problems


def fold_chunks(chunks: Iterable[Mapping[str, Any]], usage: Usage | None) -> tuple[Reading, list[Problem]]:
    """A stream in the common form."""
    problems: list[Problem] = []
    deltas: dict[int, list[dict[str, Any]]] = {}
    finishes: dict[int, str | None] = {}
    for chunk in chunks:
        if "usage" in chunk:
            problems.append(Problem("usage is in a chunk"))
        for choice in chunk["choices"]:
            index = choice["index"]
            deltas.setdefault(index, []).append(choice.get("delta") or {})
            finishes[index] = choice.get("finish_reason") or finishes.get(index)
    choices = tuple(_choice(_folded(deltas[index], problems), finishes[index], problems) for index in sorted(deltas))
    every = [delta for pieces in deltas.values() for delta in pieces]
    return _reading(choices, usage, every), list(dict.fromkeys(problems))


def _folded(deltas: Sequence[dict[str, Any]], problems: list[Problem]) -> dict[str, Any]:
    """As OpenAI's own clients do it: by index, the id and the name once, the arguments in pieces."""
    tools: dict[int, dict[str, Any]] = {}
    for delta in deltas:
        for call in delta.get("tool_calls") or []:
            if not isinstance(call.get("index"), int):
                problems.append(Problem("a tool delta without an index"))
                continue
            function = call.get("function") or {}
            tool = tools.setdefault(call["index"], {"id": call.get("id"), "function": {"name": "", "arguments": ""}})
            tool["function"]["name"] += function.get("name") or ""
            tool["function"]["arguments"] += function.get("arguments") or ""
    old = [delta["function_call"] for delta in deltas if delta.get("function_call")]
    folded: dict[str, Any] = {"tool_calls": [tools[index] for index in sorted(tools)]}
    if old:
        folded["function_call"] = {
            name: joined([piece.get(name) or "" for piece in old]) for name in ("name", "arguments")
        }
    for name in ("content", "refusal", "reasoning_content", "reasoning"):
        pieces = [delta.get(name) or "" for delta in deltas]
        if not all(isinstance(piece, str) for piece in pieces):
            problems.append(Problem(f"{name} is not text"))
        folded[name] = joined([piece for piece in pieces if isinstance(piece, str)])
    return folded


def _choice(message: dict[str, Any], finish: str | None, problems: list[Problem]) -> Choice:
    if message.get("content") is not None and not isinstance(message["content"], str):
        problems.append(Problem("content is not text"))
    reasoning = message.get("reasoning_content") or ""
    if reasoning != (message.get("reasoning") or ""):
        problems.append(Problem("the reasoning's two names do not hold the same text"))
    calls = list(message.get("tool_calls") or [])
    if (message.get("function_call") or {}).get("name"):
        calls.append({"id": "", "function": message["function_call"]})
        finish = "tool_calls" if finish == "function_call" else finish  # 2023's: as it came, to a caller who asked so
    tools = tuple(
        Tool(call.get("id"), call["function"]["name"], canonical(call["function"]["arguments"])) for call in calls
    )
    return Choice(message.get("content") or "", reasoning, message.get("refusal") or "", tools, finish)


def _reading(choices: tuple[Choice, ...], usage: Usage | None, messages: Sequence[Mapping[str, Any]]) -> Reading:
    details = [detail for message in messages for detail in message.get("reasoning_details") or []]
    signatures = {detail.get(name) for detail in details for name in ("signature", "data")}
    return Reading(
        choices,
        () if usage is None else (Tokens(*usage),),
        frozenset(value for value in signatures if value),
        any(message.get("annotations") for message in messages),
    )


def fault_of(error: BackendError) -> str:
    """Its fault, in words."""
    return str(error.fault)
