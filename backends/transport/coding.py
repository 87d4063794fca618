"""Content coding of answers: undone where it came unasked, and refused where it can't be."""

import zlib
from collections.abc import Iterator

from backends.errors import BadAnswer

_PIECE = 64 << 10
# What servers compress (JSON, events) shrinks ten- to thirtyfold; a bomb a thousandfold.
_FREE = 1 << 20
_MOST_TIMES = 100
_WINDOW_BITS = {b"gzip": 31, b"x-gzip": 31, b"deflate": 15}


def inflater(coding: bytes) -> "Inflater | None":
    """What undoes this content-encoding; None where nothing is to be undone. Raises BadAnswer for an unknown one."""
    name = coding.strip().lower()
    if name in (b"", b"identity"):
        return None
    bits = _WINDOW_BITS.get(name)
    if bits is None:
        raise BadAnswer(f"identity was asked for, the answer's content-encoding is {name[:40].decode('latin-1')!r}")
    return Inflater(bits)


class Inflater:
    """gzip (of any number of members) and deflate (with zlib's header, or bare as some servers send it)."""

    def __init__(self, window_bits: int) -> None:
        self._bits = window_bits
        self._zlib: zlib._Decompress | None = None
        self._taken = 0
        self._given = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What these bytes unpack to, in pieces. Raises BadAnswer for garbage and for bombs."""
        self._taken += len(data)
        more = bool(data)
        while more:
            if self._zlib is None or self._zlib.eof:
                self._zlib = zlib.decompressobj(self._window_bits(data))
            piece = self._unpack(self._zlib, data)
            data = self._zlib.unconsumed_tail or self._zlib.unused_data
            # A full piece may have left more behind inside zlib, with no input to show for it.
            more = bool(data) or (len(piece) == _PIECE and not self._zlib.eof)
            if piece:
                yield piece

    def finish(self) -> None:
        """The body has ended. Raises BadAnswer if the packed stream has not."""
        if self._zlib is not None and not self._zlib.eof:
            raise BadAnswer("the answer's compressed stream is cut")

    def _window_bits(self, data: bytes) -> int:
        # RFC 1950: a zlib header's first byte ends in 8. What does not is deflate without one (RFC 9110 8.4.1.2).
        bare = self._bits == _WINDOW_BITS[b"deflate"] and data[0] & 0x0F != 8
        return -zlib.MAX_WBITS if bare else self._bits

    def _unpack(self, packed: "zlib._Decompress", data: bytes) -> bytes:
        try:
            piece = packed.decompress(data, _PIECE)
        except zlib.error:
            raise BadAnswer("the answer's compressed stream is broken") from None
        self._given += len(piece)
        if self._given > _FREE + _MOST_TIMES * self._taken:
            raise BadAnswer("the answer unpacks to more than a hundred times its size")
        return piece
