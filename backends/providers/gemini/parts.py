"""The parts of one candidate as pieces of an OpenAI message, for whole answers and for chunks alike.

https://ai.google.dev/api/caching#Part
"""

from typing import Any

import orjson

from backends.providers.gemini.ids import made_id
from backends.providers.gemini.thoughts import extra_content, sealed, summary


class Candidate:
    """What has been seen of one candidate: numbers that run through the whole answer."""

    __slots__ = ("calls", "details", "index", "pieces", "role_said", "stopped", "thinking")

    def __init__(self, index: int) -> None:
        self.index = index
        self.calls = 0
        self.details = 0
        self.pieces: list[str] = []
        """The text so far: Google counts the places of citations in its bytes."""
        self.role_said = False
        self.stopped = False
        self.thinking = False
        """The last that came was a thought without a signature: the next event may go on with it."""

    def read(self, parts: list[Any], answer_id: str) -> "Pieces":
        """These parts, which come next. Answer and thoughts are told apart; their order among each other is lost, as
        OpenAI's message has no place for it."""
        pieces = Pieces()
        goes_on, self.thinking = self.thinking, False
        for part in parts:
            text = part.get("text")
            signature = part.get("thoughtSignature")
            if text is not None:
                self._read_text(text, part.get("thought"), signature, pieces, goes_on=goes_on)
            elif "functionCall" in part:
                self._read_call(part["functionCall"], signature, answer_id, pieces)
            else:
                self._read_rest(part, signature, pieces)
            goes_on = False
        return pieces

    def _read_text(self, text: str, thought: Any, signature: str | None, pieces: "Pieces", *, goes_on: bool) -> None:
        self.thinking = bool(thought) and signature is None
        if thought:
            pieces.thoughts += text
            number = self.details - 1 if goes_on else self._next_detail()
            pieces.details.append(summary(text, number, signature))
            return
        if text:
            pieces.text += text
            self.pieces.append(text)
        if signature is not None:
            pieces.details.append(sealed(signature, self._next_detail()))

    def _read_call(self, said: dict[str, Any], signature: str | None, answer_id: str, pieces: "Pieces") -> None:
        self.thinking = False
        number = self.calls
        self.calls = number + 1
        call: dict[str, Any] = {
            "index": number,
            "id": said.get("id") or made_id(answer_id, self.index, number),
            "type": "function",
            "function": {"name": said.get("name") or "", "arguments": orjson.dumps(said.get("args") or {}).decode()},
        }
        if signature is not None:
            call["extra_content"] = extra_content(signature)
            pieces.details.append(sealed(signature, self._next_detail(), call["id"]))
        pieces.calls.append(call)

    def _read_rest(self, part: dict[str, Any], signature: str | None, pieces: "Pieces") -> None:
        self.thinking = False
        data = part.get("inlineData")
        if isinstance(data, dict):
            url = f"data:{data.get('mimeType') or 'application/octet-stream'};base64,{data.get('data') or ''}"
            pieces.images.append({"type": "image_url", "image_url": {"url": url}, "index": len(pieces.images)})
        for name, kind in (("executableCode", "executable_code"), ("codeExecutionResult", "code_execution_result")):
            if isinstance(part.get(name), dict):
                pieces.annotations.append({"type": kind, **part[name]})
        if signature is not None:
            pieces.details.append(sealed(signature, self._next_detail()))

    def _next_detail(self) -> int:
        number = self.details
        self.details = number + 1
        return number


class Pieces:
    """What some parts amount to. Empty ones are left out of messages."""

    __slots__ = ("annotations", "calls", "details", "images", "text", "thoughts")

    def __init__(self) -> None:
        self.text = ""
        self.thoughts = ""
        self.details: list[dict[str, Any]] = []
        self.calls: list[dict[str, Any]] = []
        self.images: list[dict[str, Any]] = []
        self.annotations: list[dict[str, Any]] = []
