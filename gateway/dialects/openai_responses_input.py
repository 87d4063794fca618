"""Input items of the Responses API → messages of the common form.

A turn of the assistant is several items (reasoning, message, calls) and one message of the common form; its pieces are
gathered until something else follows. https://platform.openai.com/docs/api-reference/responses/create
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from gateway.dialects.openai_responses_reasoning import restored
from gateway.errors import InvalidRequest

Part = dict[str, Any]
_ROLES = frozenset({"user", "assistant", "system", "developer"})


class Conversation:
    """Messages under construction. `untranslated` is the first thing met that the common form can't say."""

    def __init__(self, instructions: Any = None) -> None:
        self.messages: list[dict[str, Any]] = []
        self.untranslated: tuple[str, str] | None = None
        self._turn: dict[str, Any] | None = None
        if isinstance(instructions, str) and instructions:
            self.messages.append({"role": "system", "content": instructions})
        elif isinstance(instructions, list):
            self.add(instructions, "instructions")

    def add(self, given: Any, name: str = "input") -> None:
        """A string, or a list of items."""
        if isinstance(given, str):
            self._say({"role": "user", "content": given})
            return
        if not isinstance(given, list):
            raise InvalidRequest(f"'{name}' must be a string or an array of items.", param=name)
        for index, item in enumerate(given):
            where = f"{name}[{index}]"
            if not isinstance(item, dict):
                raise InvalidRequest("An item must be an object.", param=where)
            kind = item.get("type") or ("message" if "role" in item else "item_reference" if "id" in item else None)
            take = _ITEMS.get(kind) if isinstance(kind, str) else None
            if take is not None:
                take(self, item, where)
            else:
                self._cannot(where, f"Items of type '{str(kind)[:60]}' can only be read by a provider that made them.")

    def whole(self) -> list[dict[str, Any]]:
        """All messages. One of the assistant's with nothing in it but reasoning says nothing, rather than null."""
        for message in self.messages:
            if message["content"] is None and "tool_calls" not in message and "refusal" not in message:
                message["content"] = ""
        return self.messages

    def _cannot(self, where: str, why: str) -> None:
        if self.untranslated is None:
            self.untranslated = (where, why)

    def _say(self, message: dict[str, Any]) -> None:
        self._turn = None
        self.messages.append(message)

    def _assistant(self) -> dict[str, Any]:
        """The assistant's turn that is being gathered."""
        if self._turn is None:
            self._turn = {"role": "assistant", "content": None}
            self.messages.append(self._turn)
        return self._turn

    def _message(self, item: Mapping[str, Any], where: str) -> None:
        role = item.get("role")
        if role not in _ROLES:
            raise InvalidRequest(f"'role' must be one of {', '.join(sorted(_ROLES))}.", param=f"{where}.role")
        content = item.get("content")
        if not isinstance(content, str | list):
            raise InvalidRequest("'content' must be a string or an array of parts.", param=f"{where}.content")
        if role == "assistant":
            self._assistant_message(content, where)
        else:
            self._say({"role": role, "content": self._content(content, f"{where}.content")})

    def _assistant_message(self, content: str | list[Any], where: str) -> None:
        turn = self._assistant()
        if (turn["content"] is not None or "refusal" in turn) and "tool_calls" not in turn:
            self._turn = None  # two messages one after the other stay two
            turn = self._assistant()
        refusals = [p["refusal"] for p in _parts(content) if isinstance(p.get("refusal"), str)]
        if refusals:
            turn["refusal"] = "".join(refusals)
        said = [part for part in _parts(content) if part.get("type") != "refusal"]
        words = content if isinstance(content, str) else self._content(said, f"{where}.content") if said else None
        turn["content"] = words if turn["content"] is None else _joined(turn["content"], words)

    def _content(self, content: str | list[Any], where: str) -> str | list[Part]:
        if isinstance(content, str):
            return content
        parts: list[Part] = []
        for index, part in enumerate(content):
            at = f"{where}[{index}]"
            if not isinstance(part, dict):
                raise InvalidRequest("A part must be an object.", param=at)
            make = _PARTS.get(str(part.get("type")))
            made = make(part) if make is not None else None
            if made is None:
                self._cannot(at, f"A part of type '{str(part.get('type'))[:60]}' in this form is known to OpenAI only.")
            else:
                parts.append(made | ({"cache_control": part["cache_control"]} if "cache_control" in part else {}))
        if len(parts) == 1 and parts[0].keys() == {"type", "text"}:
            return str(parts[0]["text"])
        return parts

    def _reasoning(self, item: Mapping[str, Any], _: str) -> None:
        text, details = restored(item)
        turn = self._assistant()
        if turn["content"] is not None and "tool_calls" not in turn:
            self._turn = None
            turn = self._assistant()
        if text:
            turn["reasoning_content"] = turn["reasoning"] = turn.get("reasoning_content", "") + text
        if details:
            turn.setdefault("reasoning_details", []).extend(details)

    def _function_call(self, item: Mapping[str, Any], where: str) -> None:
        call_id, name, arguments = item.get("call_id"), item.get("name"), item.get("arguments")
        if not isinstance(call_id, str) or not isinstance(name, str):
            raise InvalidRequest("A function call needs a 'call_id' and a 'name'.", param=where)
        call = {
            "id": call_id,
            "type": "function",
            "function": {"name": name, "arguments": arguments if isinstance(arguments, str) else "{}"},
        }
        self._assistant().setdefault("tool_calls", []).append(call)

    def _function_call_output(self, item: Mapping[str, Any], where: str) -> None:
        call_id, output = item.get("call_id"), item.get("output")
        if not isinstance(call_id, str) or not isinstance(output, str | list):
            raise InvalidRequest("A function call's output needs a 'call_id' and an 'output'.", param=where)
        self._say({"role": "tool", "tool_call_id": call_id, "content": self._content(output, f"{where}.output")})

    def _reference(self, item: Mapping[str, Any], where: str) -> None:
        self._cannot(where, f"The item '{str(item.get('id'))[:80]}' is not kept here: send the item itself.")


def _parts(content: Any) -> list[dict[str, Any]]:
    return [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []


def _joined(before: Any, more: Any) -> Any:
    """What the assistant said around its calls."""
    if more is None:
        return before
    if isinstance(before, str) and isinstance(more, str):
        return f"{before}\n\n{more}"
    return [*_as_parts(before), *_as_parts(more)]


def _as_parts(content: Any) -> list[Part]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def _text(part: Mapping[str, Any]) -> Part | None:
    text = part.get("text")
    return {"type": "text", "text": text} if isinstance(text, str) else None


def _image(part: Mapping[str, Any]) -> Part | None:
    url: Any = part.get("image_url")
    detail = part.get("detail")
    if isinstance(url, dict):  # as chat has it; some clients mix the two
        url, detail = url.get("url"), detail or url.get("detail")
    if not isinstance(url, str):
        return None
    return {"type": "image_url", "image_url": {"url": url, **({"detail": detail} if isinstance(detail, str) else {})}}


def _file(part: Mapping[str, Any]) -> Part | None:
    """As OpenRouter has it, a URL stands where the data would: https://openrouter.ai/docs/features/multimodal/pdfs"""
    data = part.get("file_data") or part.get("file_url")
    if not isinstance(data, str):
        return None
    name = part.get("filename")
    return {"type": "file", "file": {"file_data": data, **({"filename": name} if isinstance(name, str) else {})}}


def _audio(part: Mapping[str, Any]) -> Part | None:
    audio = part.get("input_audio")
    return {"type": "input_audio", "input_audio": audio} if isinstance(audio, dict) else None


_PARTS: Mapping[str, Callable[[Mapping[str, Any]], Part | None]] = MappingProxyType(
    {
        "input_text": _text,
        "output_text": _text,
        "text": _text,
        "summary_text": _text,
        "input_image": _image,
        "image_url": _image,
        "input_file": _file,
        "input_audio": _audio,
    }
)
_ITEMS: Mapping[str, Callable[[Conversation, Mapping[str, Any], str], None]] = MappingProxyType(
    {
        "message": Conversation._message,  # noqa: SLF001  the table of its own verbs
        "reasoning": Conversation._reasoning,  # noqa: SLF001
        "function_call": Conversation._function_call,  # noqa: SLF001
        "function_call_output": Conversation._function_call_output,  # noqa: SLF001
        "item_reference": Conversation._reference,  # noqa: SLF001
    }
)
