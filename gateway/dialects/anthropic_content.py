"""Messages and content blocks of Anthropic's → messages of a chat. https://docs.anthropic.com/en/api/messages

A user's message may hold results of tools besides what it says; in a chat those are messages of their own. What the
model thought goes into `reasoning_content`, `reasoning` and `reasoning_details`, as the common form has it.
"""

from typing import Any

from gateway.dialects.anthropic_blocks import (
    PARTS,
    Block,
    Part,
    as_content,
    as_error,
    blocks_in,
    fault,
    shown,
    source_type,
    string_in,
    text_part,
    tool_call,
)
from gateway.dialects.anthropic_seal import CLAUDE, is_seal, unseal

_BILLING = "x-anthropic-billing-header"
"""A coding agent's note to Anthropic, in the first block of the system prompt; it changes with each request."""
_CLIENT_ONLY = "is known to Claude at Anthropic only: name a model that is served there, or leave it out."


class Conversation:
    """A chat's messages, gathered from an Anthropic body."""

    __slots__ = ("messages", "untranslated", "wants_citations")

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.untranslated: tuple[str, str] | None = None
        """The first thing that a chat has no words for."""
        self.wants_citations = False
        """Of a document, which nobody else would cite in Anthropic's way."""

    def add_system(self, system: Any, path: str = "system") -> None:
        """A string, or blocks of text; without the note on billing."""
        if isinstance(system, str):
            said = _without_billing_line(system)
            if said:
                self.messages.append({"role": "system", "content": said})
            return
        parts: list[Part] = []
        for at, block in blocks_in(system, path):
            if block.get("type") != "text":
                self._lacks(f"{at}.type", f"A system block of type '{shown(block.get('type'))}' {_CLIENT_ONLY}")
            elif not (at.endswith(".0") and string_in(block, "text", at).startswith(_BILLING)):
                parts.append(text_part(block, at))
        if parts:
            marked = any("cache_control" in part for part in parts)
            content: Any = parts if marked else "\n\n".join(part["text"] for part in parts)
            self.messages.append({"role": "system", "content": content})

    def add(self, message: Any, path: str) -> None:
        """One message. Raises InvalidRequest naming the field at fault."""
        if type(message) is not dict:
            raise fault(path, "Input should be an object")
        role, content = message.get("role"), message.get("content")
        if role not in ("user", "assistant", "system"):
            raise fault(f"{path}.role", "Input should be 'user', 'assistant' or 'system'")
        if "content" not in message:
            raise fault(f"{path}.content", "Field required")
        if role == "system":
            self.add_system(content, f"{path}.content")
        elif isinstance(content, str):
            self.messages.append({"role": role, "content": content})
        elif role == "user":
            self._add_user(content, path)
        else:
            self._add_assistant(content, f"{path}.content")

    def _lacks(self, path: str, why: str) -> None:
        if self.untranslated is None:
            self.untranslated = (path, f"{path}: {why}")

    # What the user says

    def _add_user(self, content: Any, path: str) -> None:
        parts: list[Part] = []
        results = 0
        for at, block in blocks_in(content, f"{path}.content"):
            if block.get("type") == "tool_result":
                self.messages.append(self._tool_result(block, at))
                results += 1
            else:
                parts += self._parts(block, at)
        if parts:
            self.messages.append({"role": "user", "content": as_content(parts)})
        elif not results and self.untranslated is None:
            raise fault(path, "user messages must have non-empty content")

    def _tool_result(self, block: Block, path: str) -> dict[str, Any]:
        content = block.get("content")
        parts: list[Part] = []
        if isinstance(content, str):
            parts = [{"type": "text", "text": content}]
        elif content is not None:
            for at, inner in blocks_in(content, f"{path}.content"):
                parts += self._parts(inner, at)
        if block.get("is_error") is True:
            parts = as_error(parts)
        message: dict[str, Any] = {
            "role": "tool",
            "tool_call_id": string_in(block, "tool_use_id", path),
            "content": as_content(parts) if parts else "",
        }
        if block.get("cache_control"):
            message["cache_control"] = block["cache_control"]
        return message

    def _parts(self, block: Block, path: str) -> list[Part]:
        kind = block.get("type")
        if kind == "text":
            return [text_part(block, path)]
        reader = PARTS.get(kind) if isinstance(kind, str) else None
        if reader is None:
            self._lacks(f"{path}.type", f"A content block of type '{shown(kind)}' {_CLIENT_ONLY}")
            return []
        parts = reader(block, path)
        if parts is None:
            self._lacks(f"{path}.source", f"A source of type '{source_type(block)}' {_CLIENT_ONLY}")
            return []
        citations = block.get("citations")
        if isinstance(citations, dict) and citations.get("enabled"):
            self.wants_citations = True
        if parts and block.get("cache_control"):
            parts[-1]["cache_control"] = block["cache_control"]
        return parts

    # What the model said

    def _add_assistant(self, content: Any, path: str) -> None:
        texts: list[Part] = []
        calls: list[dict[str, Any]] = []
        thought = _Thought()
        marked: Any = None
        for at, block in blocks_in(content, path):
            kind = block.get("type")
            if kind == "text":
                texts.append(text_part(block, at))
            elif kind == "tool_use":
                calls.append(tool_call(block, at))
                marked = block.get("cache_control") or marked
            elif not thought.add(kind, block, at):
                self._lacks(f"{at}.type", f"A content block of type '{shown(kind)}' {_CLIENT_ONLY}")
        message: dict[str, Any] = {"role": "assistant", "content": _said(texts, called=bool(calls))}
        thought.tell(message)
        if calls:
            message["tool_calls"] = calls
        if marked:
            message["cache_control"] = marked
        self.messages.append(message)


class _Thought:
    """The reasoning in one message."""

    __slots__ = ("_details", "_text")

    def __init__(self) -> None:
        self._text = ""
        self._details: list[dict[str, Any]] = []

    def add(self, kind: Any, block: Block, path: str) -> bool:
        """Take a block; False where it is none of these."""
        if kind == "thinking":
            self._add_thinking(string_in(block, "thinking", path), string_in(block, "signature", path))
        elif kind == "redacted_thinking":
            data = string_in(block, "data", path)
            self._details += unseal(data, "") if is_seal(data) else [_signed("reasoning.encrypted", data=data)]
        else:
            return False
        return True

    def _add_thinking(self, text: str, signature: str) -> None:
        self._text += text
        if is_seal(signature):
            self._details += unseal(signature, text)
        else:
            self._details.append(_signed("reasoning.text", text=text, signature=signature))

    def tell(self, message: dict[str, Any]) -> None:
        """Under both names that reasoning has, and with what each provider wants to see again."""
        if self._text:
            message["reasoning_content"] = message["reasoning"] = self._text
        if self._details:
            message["reasoning_details"] = [{**detail, "index": at} for at, detail in enumerate(self._details)]


def _signed(kind: str, **fields: str) -> dict[str, Any]:
    return {"type": kind, **fields, "format": CLAUDE}


def _said(texts: list[Part], *, called: bool) -> Any:
    """Blocks of one message follow each other without a gap (citations cut it up)."""
    if any("cache_control" in part for part in texts):
        return texts
    if not texts:
        return None if called else ""
    return "".join(part["text"] for part in texts)


def _without_billing_line(system: str) -> str:
    return system.partition("\n")[2].lstrip("\n") if system.startswith(_BILLING) else system
