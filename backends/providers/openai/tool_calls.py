"""Tool calls as the common form has them: each with an index, an id, a name, and its arguments as text.

What is met: no `index` (Gemini's endpoint, Mistral), no id or an empty one (Gemini), every call at index 0, the id and
the name again in every piece (DashScope, OpenRouter), nulls in their place (Venice), arguments as an object, and
`function_call` from before there were tools, empty at times (Snowflake).
"""

from typing import Any

import orjson


class ToolCalls:
    """The calls that one choice has made so far."""

    __slots__ = ("_answer", "_ids", "_places")

    def __init__(self, answer: Any = None) -> None:
        self._answer = answer if isinstance(answer, str) and answer else "0"
        self._ids: list[str] = []
        self._places: dict[int, int] = {}
        """The provider's index → ours: not all begin at 0, or count by one."""

    @property
    def made(self) -> bool:
        """Whether there was any."""
        return bool(self._ids)

    def add(self, call_id: str) -> int:
        """A call that begins. Returns its index."""
        index = len(self._ids)
        self._ids.append(call_id if call_id and call_id not in self._ids else f"call_{self._answer}_{index}")
        return index

    def place(self, index: Any, call_id: str, *, named: bool) -> tuple[int, bool]:
        """Where a piece of a streamed call belongs, and whether it begins one.

        A piece that names a function under another id than the one known at its index is a call of its own.
        """
        if type(index) is int:
            at = self._places.get(index)
            if at is not None and not (named and call_id and call_id != self._ids[at]):
                return at, False
            at = self._places[index] = self.add(call_id)
            return at, True
        if call_id and call_id in self._ids:
            return self._ids.index(call_id), False
        if self._ids and not named and not call_id:
            return len(self._ids) - 1, False
        return self.add(call_id), True

    def id_at(self, index: int) -> str:
        """The call's id; ours where the provider gave none."""
        return self._ids[index]


def mend_calls(part: dict[str, Any], calls: ToolCalls, *, whole: bool) -> bool:
    """The tool calls of a message or a delta, in place. Returns whether there are any."""
    pieces = part.get("tool_calls")
    legacy = part.pop("function_call", None)
    if not pieces and isinstance(legacy, dict) and (legacy.get("name") or (legacy.get("arguments") and calls.made)):
        pieces = [{"index": 0, "function": legacy}]
    if isinstance(pieces, dict):
        pieces = [pieces]
    elif not isinstance(pieces, list):
        pieces = []
    mended = [_mended(piece, calls, whole=whole) for piece in pieces if isinstance(piece, dict)]
    if mended:
        part["tool_calls"] = mended
    else:
        part.pop("tool_calls", None)
    return bool(mended)


def _mended(piece: dict[str, Any], calls: ToolCalls, *, whole: bool) -> dict[str, Any]:
    function, custom = piece.get("function"), piece.get("custom")
    function = function if isinstance(function, dict) else {}
    call_id, name = piece.get("id"), function.get("name")
    call_id = call_id if isinstance(call_id, str) and call_id != "null" else ""
    named = isinstance(name, str) and bool(name)
    index, begins = (
        (calls.add(call_id), True) if whole else calls.place(piece.get("index"), call_id, named=named or bool(custom))
    )
    call: dict[str, Any] = {"index": index}
    if begins:
        call |= {"id": calls.id_at(index), "type": "function"}
    if not named and not function.get("arguments") and isinstance(custom, dict):
        # A tool of the caller's own grammar: https://platform.openai.com/docs/guides/function-calling#custom-tools
        return {**call, "custom": custom} | ({"type": "custom"} if begins else {})
    call["function"] = {"name": name if named else ""} if begins else {}
    call["function"]["arguments"] = _arguments(function.get("arguments"), whole=whole)
    if "extra_content" in piece:  # Gemini's endpoint: the signature of a thought
        call["extra_content"] = piece["extra_content"]
    return call


def _arguments(value: Any, *, whole: bool) -> str:
    if isinstance(value, str):
        return value if value or not whole else "{}"
    if value is None:
        return "{}" if whole else ""
    return orjson.dumps(value).decode()
