"""What the caller has been told of an answer so far: kept only where somebody could go on with it if it broke off.

On the way of a stream nothing is read: its events are put aside, and read a handful of kilobytes at a time. Nearly all
of them differ in their text alone, so that reading is a slice (backends/providers/openai/likeness.py).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from backends.adapter import Begun
from backends.errors import BadAnswer
from backends.providers.openai.likeness import Likeness
from backends.sse import SseDecoder, read_objects
from backends.types import Chunk

MOST_PUT_ASIDE = 16 << 10
_REASONING = ("reasoning_content", "reasoning")
_SILENT = frozenset({"role", *_REASONING, "reasoning_details"})


class _Texts(Likeness):
    __slots__ = ()

    def text_of(self, event: bytes) -> bytes | None:
        """What JSON writes between the quotes; None: this one must be read."""
        return event[len(self._before) : -len(self._after)] if self.fits(event) else None

    @property
    def known(self) -> bytes:
        """What stands before the texts."""
        return self._before

    def texts_of(self, events: bytes) -> list[bytes] | None:
        """The same of many events at once; None: not all are alike."""
        before, after = self._before, self._after + b"\n\n"
        if not before or not events.startswith(before) or not events.endswith(after):
            return None
        texts = events[len(before) : -len(after)].split(after + before)
        joined = b"".join(texts)
        return None if b'"' in joined or b"\n" in joined else texts


class Said:
    """One call's. What of it is more than plain text nobody can go on with: then it is not `plain`."""

    __slots__ = ("_aside", "_content", "_likeness", "_reasoning", "_run", "_size", "_tokens", "plain")

    def __init__(self) -> None:
        self.plain = True
        self._aside: list[bytes] = []
        self._size = 0
        self._likeness = _Texts()
        self._run: list[bytes] = []
        """Texts as JSON writes them, that follow each other."""
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._tokens = 0

    def hear(self, events: bytes) -> None:
        """Whole events of OpenAI's chat, as they go to the caller."""
        self._aside.append(events)
        self._size += len(events)
        if self._size > MOST_PUT_ASIDE:
            self._read_all()

    def hear_chunks(self, chunks: Sequence[Chunk]) -> None:
        """The same in the common form."""
        for chunk in chunks:
            for choice in chunk["choices"]:
                self._hear_choice(choice)

    def begin_anew(self) -> None:
        """Another attempt thinks for itself: what matters is the reasoning behind the answer that is told."""
        self._read_all()
        self._reasoning = []
        self._tokens = 0

    def begun(self) -> Begun | None:
        """The answer so far; None: it is more than plain text."""
        self._read_all()
        if not self.plain:
            return None
        return Begun("".join(self._content), "".join(self._reasoning), self._tokens)

    @property
    def reasoning_tokens(self) -> int:
        """How many of the tokens were reasoning, about."""
        return len(self._reasoning)

    def _read_all(self) -> None:
        left, self._aside, self._size = b"".join(self._aside), [], 0
        while left:
            texts = self._likeness.texts_of(left)
            if texts is not None:
                self._run += texts
                self._tokens += len(texts)
                break
            left = self._read_until_learnt(left)
        self._end_run()

    def _read_until_learnt(self, events: bytes) -> bytes:
        """One by one, until the likeness is another: the rest may all be alike again."""
        end, known = 0, self._likeness.known
        while end < len(events) and self._likeness.known is known:
            begin, end = end, events.find(b"\n\n", end) + 2
            end = end if end > 1 else len(events)
            event = events[begin : end - 2] if events.endswith(b"\n\n", begin, end) else events[begin:end]
            text = self._likeness.text_of(event)
            if text is not None:
                self._run.append(text)
                self._tokens += 1
            elif event:
                self._read_one(event)
        return events[end:]

    def _read_one(self, event: bytes) -> None:
        try:
            self._read(event)
        except BadAnswer:  # what the caller makes of it, nobody knows
            self.plain = False

    def _read(self, event: bytes) -> None:
        for said in SseDecoder(len(event) + 2).feed(event + b"\n\n"):
            if said.data.startswith(b"[DONE]"):
                continue
            for chunk in read_objects(said.data):
                choices = chunk.get("choices")
                before, thought = len(self._content), len(self._reasoning)
                if isinstance(choices, list):
                    self.hear_chunks([{"choices": choices}])
                if len(self._content) > before and len(self._reasoning) == thought and len(choices or ()) == 1:
                    self._likeness.learn(event)

    def _hear_choice(self, choice: Any) -> None:
        if not isinstance(choice, dict) or choice.get("index") or choice.get("logprobs"):
            self.plain = False
            return
        delta = choice.get("delta")
        for name, value in delta.items() if isinstance(delta, dict) else ():
            if not value:
                continue
            if name == "content" and isinstance(value, str):
                self._end_run()
                self._content.append(value)
                self._tokens += 1
            elif name not in _SILENT or (name == "reasoning_details" and not _is_open(value)):
                self.plain = False
        thought = next((delta[name] for name in _REASONING if delta.get(name)), None) if delta else None
        if isinstance(thought, str):
            self._reasoning.append(thought)
            self._tokens += 1

    def _end_run(self) -> None:
        if not self._run:
            return
        written, self._run = b'"%b"' % b"".join(self._run), []
        try:
            self._content.append(orjson.loads(written))
        except orjson.JSONDecodeError:  # half a character: a surrogate without its other
            self.plain = False


def _is_open(details: Any) -> bool:
    """Reasoning that is text and nothing else: what is signed or sealed is its maker's alone."""
    return isinstance(details, list) and all(
        isinstance(detail, Mapping) and not detail.get("signature") and not detail.get("data") for detail in details
    )
