"""Where one attempt's stream ends and the next one's begins, so that the caller sees one.

The next one's head is the first one's, it has no role of its own, and the blanks that were not sent along (templates
and providers strip them) are not told twice.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from backends.adapter import StreamDecoder
from backends.errors import BackendError, BadAnswer
from backends.sse import SseDecoder, read_objects
from backends.types import Chunk, Usage

_OF_ONE_CHUNK = frozenset({"choices", "usage", "obfuscation"})
_REASONING = ("reasoning_content", "reasoning", "reasoning_details")


class Seam:
    """Implements backends.adapter.StreamDecoder around another one."""

    __slots__ = ("_blanks", "_continues", "_decoder", "_head")

    def __init__(self, decoder: StreamDecoder, head: Mapping[str, Any], blanks: str, *, continues: bool) -> None:
        """`head`: what the caller has around each chunk's choices. `continues`: what comes is the answer's rest;
        otherwise it is the whole answer once more, of which the caller has `blanks` at most."""
        self._decoder = decoder
        self._head = head
        self._blanks = blanks
        self._continues = continues

    @property
    def finished(self) -> bool:
        """The upstream said why it stopped."""
        return self._decoder.finished

    @property
    def done(self) -> bool:
        """Nothing more is awaited."""
        return self._decoder.done

    @property
    def usage(self) -> Usage | None:
        """As reported so far, of this attempt."""
        return self._decoder.usage

    @property
    def error(self) -> BackendError | None:
        """An error that the upstream put into the stream."""
        return self._decoder.error

    def feed(self, data: bytes) -> Sequence[Chunk]:
        """Any cut of the bytes gives the same chunks."""
        return self._sewn(self._decoder.feed(data))

    def close(self) -> Sequence[Chunk]:
        """The end; ConnectionLost when the answer was not whole."""
        return self._sewn(self._decoder.close())

    def _sewn(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        sewn = []
        for chunk in chunks:
            choices = [choice for choice in chunk["choices"] if self._says_something(choice)]
            if choices:
                sewn.append({**chunk, **self._head, "choices": choices})
        return sewn

    def _says_something(self, choice: dict[str, Any]) -> bool:
        """Once it is mended: whether it is news to the caller."""
        delta = choice.get("delta")
        if isinstance(delta, dict):
            delta.pop("role", None)
            if self._continues:
                for name in _REASONING:
                    delta.pop(name, None)
            text = delta.get("content")
            if isinstance(text, str):
                text = self._new_of(text) if self._blanks else text
                if text:
                    delta["content"] = text
                else:
                    del delta["content"]
        return any((delta or {}).values()) or bool(choice.get("finish_reason"))

    def _new_of(self, text: str) -> str:
        """Without those blanks at its beginning that the caller has already."""
        blanks = self._blanks
        same = 0
        while same < len(blanks) and same < len(text) and blanks[same] == text[same]:
            same += 1
        self._blanks = blanks[same:] if same == len(text) else ""
        return text[same:]


def blanks_at_the_end(text: str) -> str:
    """What an upstream that goes on with this text is not sent."""
    return text[len(text.rstrip()) :]


def head_of(opening: bytes) -> Mapping[str, Any]:
    """What stands around the choices in the first chunk that the caller was sent; empty where that can't be told."""
    try:
        for event in SseDecoder().feed(opening):
            for chunk in read_objects(event.data):
                if isinstance(chunk.get("choices"), list):
                    return {name: value for name, value in chunk.items() if name not in _OF_ONE_CHUNK}
    except BadAnswer:
        return {}
    return {}
