"""Content blocks of a streamed message, one after the other. https://docs.anthropic.com/en/docs/build-with-claude/streaming

Blocks never interleave, while a chat's tool calls may. So the first call is streamed as it comes, and whatever begins
before its arguments are whole waits: it is told when they are, or at the end.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.dialects.anthropic_answer import is_claudes
from gateway.dialects.anthropic_seal import seal

TEXT, THINKING, REDACTED, TOOL = "text", "thinking", "redacted_thinking", "tool_use"
_START = b'event: content_block_start\ndata: {"type":"content_block_start","index":%d,"content_block":%b}\n\n'
_DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":%b}\n\n'
_STOP = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'
_TEXT = (
    b"event: content_block_delta\ndata: "
    b'{"type":"content_block_delta","index":%d,"delta":{"type":"text_delta","text":%b}}\n\n'
)
_BEGIN_TEXT = b'{"type":"text","text":""}'
_BEGIN_THINKING = b'{"type":"thinking","thinking":"","signature":""}'


class _Block:
    """One block: under way, or waiting for its turn."""

    __slots__ = ("begin", "details", "held", "key", "kind", "named", "pieces", "signature")

    def __init__(self, kind: str, key: Any, begin: bytes, *, named: bool = True) -> None:
        self.kind = kind
        self.key = key
        self.begin = begin
        """The block as it begins."""
        self.named = named
        """Of a call: its name is known, so that it may begin."""
        self.held: list[bytes] = []
        """Deltas that wait."""
        self.pieces: list[str] = []
        """A call's arguments so far."""
        self.details: list[Mapping[str, Any]] = []
        """What is sealed into the signature of a block of thinking."""
        self.signature: str | None = None
        """Anthropic's own."""

    @property
    def whole(self) -> bool:
        """Nothing more can be meant to come, once something else has begun."""
        if self.kind != TOOL:
            return True
        if not self.pieces or not self.pieces[-1].rstrip().endswith("}"):
            return False
        try:
            orjson.loads("".join(self.pieces))
        except orjson.JSONDecodeError:
            return False
        return True

    def fits(self, kind: str, key: Any) -> bool:
        """Whether this is the block that a delta belongs to. Thinking without a number goes on with what is there."""
        if kind != self.kind or kind == REDACTED:
            return False
        return key == self.key or (kind == THINKING and (key is None or self.key is None))


class BlockWriter:
    """Writes events into `out`."""

    __slots__ = ("_blank", "_ended", "_index", "_open", "_waiting", "out")

    def __init__(self) -> None:
        self.out: list[bytes] = []
        self._index = 0
        self._open: _Block | None = None
        self._waiting: list[_Block] = []
        self._ended: set[Any] = set()
        """Calls that have been told."""
        self._blank = ""
        """White space that no text has followed yet."""

    @property
    def in_text(self) -> bool:
        """A block of text is under way."""
        return self._open is not None and self._open.kind is TEXT

    def text(self, text: str) -> None:
        """A piece of what is said."""
        block = self._open
        if block is not None and block.kind is TEXT:  # nothing waits behind a text
            self.out.append(_TEXT % (self._index, orjson.dumps(text)))
        elif (
            text.isspace()
        ):  # Qwen3 puts some between its thinking and a call; a block of nothing else is refused later
            self._blank += text
        else:
            text, self._blank = self._blank + text, ""
            self._put(self._block(TEXT, None, _BEGIN_TEXT), b'{"type":"text_delta","text":%b}' % orjson.dumps(text))

    def cite(self, citation: Mapping[str, Any]) -> None:
        """A source of the text before it."""
        block = self._block(TEXT, None, _BEGIN_TEXT)
        self._put(block, orjson.dumps({"type": "citations_delta", "citation": citation}))

    def think(self, text: str, key: Any = None) -> None:
        """A piece of what is thought. `key` tells one block of it from the next, where the provider does."""
        block = self._block(THINKING, key, _BEGIN_THINKING)
        if text:
            self._put(block, b'{"type":"thinking_delta","thinking":%b}' % orjson.dumps(text))

    def sign(self, detail: Mapping[str, Any], key: Any = None) -> None:
        """What the provider wants to see again of this thinking."""
        block = self._block(THINKING, key, _BEGIN_THINKING)
        if is_claudes(detail):
            block.signature = detail["signature"]
        elif block.details and block.details[0].get("type") == detail.get("type"):
            block.details[0] = {**block.details[0], **{k: v for k, v in detail.items() if v is not None}}
        else:
            block.details.insert(0, detail)

    def redact(self, detail: Mapping[str, Any]) -> None:
        """Thinking that nobody but its provider can read: with the thinking that it ends, or a block of its own."""
        last = self._waiting[-1] if self._waiting else self._open
        if not is_claudes(detail) and last is not None and last.kind is THINKING and last.signature is None:
            last.details.append(detail)
            return
        data = detail["data"] if is_claudes(detail) else seal([detail])
        self._block(REDACTED, None, orjson.dumps({"type": REDACTED, "data": data}))

    def call(self, key: Any, call_id: str, name: str, piece: str) -> None:
        """A piece of a tool's call; its id and name with the first."""
        if key in self._ended:  # its arguments were whole
            return
        begin = orjson.dumps({"type": TOOL, "id": call_id, "name": name, "input": {}})
        block = self._block(TOOL, key, begin, named=bool(name))
        if name and not block.named:
            block.begin, block.named = begin, True
            self._go_on()
        if piece:
            block.pieces.append(piece)
            self._put(block, b'{"type":"input_json_delta","partial_json":%b}' % orjson.dumps(piece))
            self._go_on()

    def finish(self) -> None:
        """Nothing more comes: tell what waits, and end the last block."""
        for block in [self._open, *self._waiting]:
            if block is not None:
                self._enter(block)
        self._waiting.clear()
        self._leave()

    def take(self) -> bytes:
        """The events so far."""
        out = self.out
        if len(out) == 1:
            return out.pop()
        written = b"".join(out)
        out.clear()
        return written

    def _block(self, kind: str, key: Any, begin: bytes, *, named: bool = True) -> _Block:
        """The block that this belongs to; a new one takes its turn at once where it can."""
        block = self._open
        if block is not None and block.fits(kind, key):
            return block
        for at in range(len(self._waiting) - 1, -1, -1):
            if self._waiting[at].fits(kind, key):
                return self._waiting[at]
            if kind != TOOL:  # only calls are taken up again after something else
                break
        self._blank = ""
        block = _Block(kind, key, begin, named=named)
        self._waiting.append(block)
        self._go_on()
        return block

    def _go_on(self) -> None:
        while self._waiting and self._waiting[0].named and (self._open is None or self._open.whole):
            self._enter(self._waiting.pop(0))

    def _enter(self, block: _Block) -> None:
        if block is self._open:
            return
        self._leave()
        self._open = block
        self.out.append(_START % (self._index, block.begin))
        self.out += [_DELTA % (self._index, delta) for delta in block.held]
        block.held.clear()

    def _leave(self) -> None:
        block, self._open = self._open, None
        if block is None:
            return
        if block.kind is THINKING:
            signature = block.signature or seal(block.details)
            self.out.append(
                _DELTA % (self._index, b'{"type":"signature_delta","signature":%b}' % orjson.dumps(signature))
            )
        elif block.kind is TOOL:
            self._ended.add(block.key)
        self.out.append(_STOP % self._index)
        self._index += 1

    def _put(self, block: _Block, delta: bytes) -> None:
        if block is self._open:
            self.out.append(_DELTA % (self._index, delta))
        else:
            block.held.append(delta)
