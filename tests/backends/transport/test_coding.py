"""Packed answers: any cut unpacks to the same bytes, garbage and bombs do not."""

import gzip
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.errors import BadAnswer
from backends.transport.coding import inflater

TEXT = b"".join(b"data: {%d}\n\n" % n for n in range(3000))


def bare(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKED = {
    "gzip": (b"gzip", gzip.compress(TEXT)),
    "x-gzip": (b" X-GZip ", gzip.compress(TEXT)),
    "members": (b"gzip", gzip.compress(TEXT[:1000]) + gzip.compress(b"") + gzip.compress(TEXT[1000:])),
    "zlib": (b"deflate", zlib.compress(TEXT)),
    "bare": (b"deflate", bare(TEXT)),
}


def unpack(coding: bytes, *pieces: bytes) -> bytes:
    unpacking = inflater(coding)
    assert unpacking is not None
    out = b"".join(part for piece in pieces for part in unpacking.feed(piece))
    unpacking.finish()
    return out


@given(st.sampled_from(list(PACKED)), st.integers(1, 500))
@settings(max_examples=60, deadline=None)
def test_any_cut_unpacks_to_the_same_bytes(kind: str, size: int) -> None:
    coding, packed = PACKED[kind]
    assert unpack(coding, *(packed[n : n + size] for n in range(0, len(packed), size))) == TEXT


def test_pieces_stay_small_and_nothing_is_left_inside() -> None:
    many = b"a" * (10 << 20)
    unpacking = inflater(b"gzip")
    assert unpacking is not None
    packed = gzip.compress(many[: 1 << 20])
    pieces = list(unpacking.feed(packed))
    assert max(map(len, pieces)) <= 64 << 10
    assert sum(map(len, pieces)) == 1 << 20
    unpacking.finish()


@pytest.mark.parametrize("coding", [b"gzip", b"deflate"])
def test_a_bomb_is_refused_before_it_has_gone_off(coding: bytes) -> None:
    packer = zlib.compressobj(9, wbits=31 if coding == b"gzip" else 15)
    bomb = b"".join(packer.compress(b"\0" * (1 << 20)) for _ in range(64)) + packer.flush()
    unpacking = inflater(coding)
    assert unpacking is not None
    pieces: list[int] = []
    with pytest.raises(BadAnswer, match="hundred times"):
        pieces.extend(map(len, unpacking.feed(bomb)))
    assert sum(pieces) <= (1 << 20) + 100 * len(bomb)


@pytest.mark.parametrize("coding", [b"br", b"zstd", b"compress", b"gzip, deflate", b"*"])
def test_unknown_codings_are_refused(coding: bytes) -> None:
    with pytest.raises(BadAnswer, match="identity was asked for"):
        inflater(coding)


@pytest.mark.parametrize("coding", [b"", b"identity", b" Identity"])
def test_identity_needs_no_unpacking(coding: bytes) -> None:
    assert inflater(coding) is None


def test_garbage_behind_a_packed_stream_is_refused() -> None:
    with pytest.raises(BadAnswer, match="broken"):
        unpack(b"gzip", gzip.compress(b"x") + b"garbage")
