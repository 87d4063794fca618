"""Messages of a chat as Gemini's `systemInstruction` and `contents`. https://ai.google.dev/api/caching#Content"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from backends.errors import NotCarried
from backends.providers.gemini.ids import is_ours
from backends.providers.gemini.media import Part, media_part
from backends.providers.gemini.thoughts import FOREIGN, Recalled, signature_in

_SYSTEM = frozenset({"system", "developer"})
_TOOL = frozenset({"tool", "function"})


class Contents(NamedTuple):
    """A conversation in Gemini's terms."""

    system: list[Part]
    turns: list[dict[str, Any]]
    has_cache_control: bool
    """The caller marked what to cache; Gemini decides that itself."""


def render_contents(messages: Sequence[Mapping[str, Any]], *, generation: int, ids: bool = True) -> Contents:
    """`generation` is the model's (3 for gemini-3-…; 0: not known); `ids`: calls and results may bear ids.

    Raises NotCarried.
    """
    writer = _Writer(generation, ids=ids)
    for index, message in enumerate(messages):
        writer.take(message, f"messages[{index}]")
    if not writer.turns:  # nothing but instructions: Gemini wants something to answer
        writer.turns.append({"role": "user", "parts": writer.system})
        writer.system = []
    return Contents(writer.system, writer.turns, writer.has_cache_control)


class _Writer:
    """Takes the messages one after the other."""

    def __init__(self, generation: int, *, ids: bool) -> None:
        self.system: list[Part] = []
        self.turns: list[dict[str, Any]] = []
        self.has_cache_control = False
        self._generation = generation
        self._ids = ids
        self._names: dict[str, str] = {}
        """The function of each call so far: results say only the call's id."""
        self._results: list[Part] | None = None
        """Where the results of the last calls are gathered: Gemini wants as many in one turn as there were calls."""

    def take(self, message: Mapping[str, Any], where: str) -> None:
        """One message."""
        role = message["role"]
        if "cache_control" in message:
            self.has_cache_control = True
        if role in _TOOL:
            self._take_result(message, where)
            return
        self._results = None
        if role == "assistant":
            self._turn("model", self._assistant_parts(message, where))
        elif role in _SYSTEM and not self.turns:
            self.system += self._parts(message.get("content"), where)
        else:  # an instruction in mid-conversation keeps its place, as there is but one systemInstruction
            self._turn("user", self._parts(message.get("content"), where))

    def _turn(self, role: str, parts: list[Part]) -> None:
        if parts:
            self.turns.append({"role": role, "parts": parts})

    def _parts(self, content: Any, where: str) -> list[Part]:
        if content is None or content == "":
            return []
        if isinstance(content, str):
            return [{"text": content}]
        parts = []
        for index, part in enumerate(content):
            place = f"{where}.content[{index}]"
            if not isinstance(part, Mapping):
                raise NotCarried(place, "A content part must be an object.")
            if "cache_control" in part:
                self.has_cache_control = True
            parts.append(_part(part, place))
        return [part for part in parts if part.get("text") != ""]

    def _assistant_parts(self, message: Mapping[str, Any], where: str) -> list[Part]:
        """In the order in which Gemini writes them: thoughts, text, calls."""
        recalled = Recalled(message)
        text = self._parts(message.get("content"), where)
        refusal = message.get("refusal")
        if isinstance(refusal, str) and refusal:
            text.append({"text": refusal})
        if recalled.of_text:
            if not text:
                text.append({"text": ""})
            text[-1]["thoughtSignature"] = recalled.of_text[-1]
        return [*recalled.thoughts, *text, *self._calls(message, recalled, where)]

    def _calls(self, message: Mapping[str, Any], recalled: Recalled, where: str) -> list[Part]:
        parts = [self._call(call, recalled, place) for call, place in _calls_of(message, where)]
        if parts and "thoughtSignature" not in parts[0]:
            signature = signature_in(message) or (FOREIGN if self._generation >= 3 else None)
            if signature is not None:
                parts[0]["thoughtSignature"] = signature
        return parts

    def _call(self, call: Mapping[str, Any], recalled: Recalled, where: str) -> Part:
        function = call.get("function")
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            raise NotCarried(where, "This provider knows calls of functions only.")
        name, call_id = function["name"], call.get("id")
        said: dict[str, Any] = {"name": name, "args": _arguments(function.get("arguments"), where)}
        part: Part = {"functionCall": said}
        if isinstance(call_id, str):
            self._names[call_id] = name
            self._add_id(said, call_id)
        signature = recalled.by_call.get(call_id or "") or signature_in(call)
        if signature is not None:
            part["thoughtSignature"] = signature
        return part

    def _add_id(self, said: dict[str, Any], call_id: str) -> None:
        if self._ids and call_id and not is_ours(call_id):
            said["id"] = call_id

    def _take_result(self, message: Mapping[str, Any], where: str) -> None:
        call_id = message.get("tool_call_id")
        name = self._names.get(call_id or "") or message.get("name")
        if not isinstance(name, str):
            raise NotCarried(f"{where}.tool_call_id", "No earlier message has a tool call with this id.")
        said: dict[str, Any] = {"name": name}
        if isinstance(call_id, str):
            self._add_id(said, call_id)
        parts = self._parts(message.get("content"), where)
        said["response"] = _response([part["text"] for part in parts if "text" in part])
        media = [part for part in parts if "text" not in part]
        beside: list[Part] = []
        if media and self._generation >= 3:  # https://ai.google.dev/gemini-api/docs/function-calling#multimodal
            said["parts"] = media
        else:
            beside = media
        if self._results is None:
            self._results = []
            self.turns.append({"role": "user", "parts": self._results})
        self._results += [{"functionResponse": said}, *beside]


def _calls_of(message: Mapping[str, Any], where: str) -> Iterable[tuple[Mapping[str, Any], str]]:
    calls = message.get("tool_calls")
    if isinstance(calls, list) and calls:
        for index, call in enumerate(calls):
            place = f"{where}.tool_calls[{index}]"
            if not isinstance(call, Mapping):
                raise NotCarried(place, "A tool call must be an object.")
            yield call, place
    elif isinstance(message.get("function_call"), Mapping):  # before there were tools
        yield {"function": message["function_call"]}, f"{where}.function_call"


def _part(part: Mapping[str, Any], where: str) -> Part:
    kind = part.get("type")
    if kind in ("text", "refusal"):
        return {"text": part.get(kind) or ""}
    media = media_part(part, where)
    if media is None:
        raise NotCarried(f"{where}.type", f"This provider takes no content of type {str(kind)[:40]!r}.")
    return media


def _arguments(text: Any, where: str) -> dict[str, Any]:
    if isinstance(text, str) and not text.strip():
        return {}
    try:
        arguments = orjson.loads(text) if isinstance(text, str) else text
    except orjson.JSONDecodeError:
        arguments = False
    if arguments is None:
        return {}
    if not isinstance(arguments, dict):
        raise NotCarried(f"{where}.function.arguments", "The arguments of a call must be a JSON object.")
    return arguments


def _response(texts: list[str]) -> dict[str, Any]:
    """A result that is a JSON object stays one; any other text is Gemini's `output`."""
    text = "\n".join(texts)
    if text.lstrip().startswith("{"):
        try:
            result = orjson.loads(text)
        except orjson.JSONDecodeError:
            return {"output": text}
        if isinstance(result, dict):
            return result
    return {"output": text}
