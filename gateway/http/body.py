"""A caller's body, read whole: bounded after decoding, bounded in time, decoded of gzip and zstd."""

import asyncio
import sys
import zlib
from typing import Protocol

from aiohttp import web

from gateway.errors import InvalidRequest, TooLarge, TooSlow, Unsupported

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

IDLE_S = 10.0
TOTAL_S = 60.0


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


async def read_body(request: web.BaseRequest, limit: int) -> bytes:
    """The decoded body, at most `limit` bytes.

    Raises TooLarge, TooSlow, Unsupported, or InvalidRequest for a coding that its bytes do not keep to.
    """
    coding = content_coding(request.headers.get("content-encoding"))
    if request.content_length is not None and request.content_length > limit:
        raise too_large(limit)
    if request.headers.get("expect", "").lower() == "100-continue" and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    return decode_body(await _read(request, limit), coding, limit)


def check_media_type(kind: str | None, *, forms: bool = False) -> None:
    """Refuse a body that says it is something else than JSON; one that says nothing is taken for it.

    `forms`: the route takes `multipart/form-data` in its place, which has to be said, since the boundary stands there.
    """
    if not forms and (kind is None or kind == "application/json"):
        return
    media = (kind or "").partition(";")[0].strip().lower()
    if forms:
        if media != "multipart/form-data":
            raise Unsupported(
                "Send the body as 'content-type: multipart/form-data', the recording in its field 'file'."
            )
    elif media != "application/json" and not media.endswith("+json"):
        raise Unsupported("Send the body as 'content-type: application/json'.")


def content_coding(value: str | None) -> str:
    """The coding that a `content-encoding` header names. Raises Unsupported for one that we do not take."""
    coding = "identity" if value is None else value.strip().lower()
    if coding not in ("identity", "gzip", "zstd"):
        raise Unsupported(
            "This content-encoding is not supported; send identity, gzip or zstd.", code="unsupported_content_encoding"
        )
    return coding


def decode_body(raw: bytes, coding: str, limit: int) -> bytes:
    """A whole body without its coding. Raises TooLarge, or InvalidRequest where the bytes do not keep to the coding."""
    return raw if coding == "identity" else _decoded(raw, coding, limit)


def too_large(limit: int) -> TooLarge:
    """The 413, with the limit in it."""
    return TooLarge(f"The body is larger than {limit} bytes, this gateway's limit (HEADRACE_MAX_BODY_MB).")


async def _read(request: web.BaseRequest, limit: int) -> bytes:
    content, pieces, size = request.content, [], 0
    deadline = asyncio.get_running_loop().time() + TOTAL_S
    try:
        while not content.at_eof():
            piece = content.read_nowait()
            if not piece and not content.at_eof():
                async with asyncio.timeout_at(min(asyncio.get_running_loop().time() + IDLE_S, deadline)):
                    piece = await content.readany()
            size += len(piece)
            if size > limit:
                raise too_large(limit)
            pieces.append(piece)
    except TimeoutError as error:
        raise TooSlow("The body did not arrive in time.") from error
    except web.RequestPayloadError as error:
        raise InvalidRequest("The body is not framed as HTTP/1.1 asks for.") from error
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _decoded(raw: bytes, coding: str, limit: int) -> bytes:
    decompressor: _Decompressor = (
        zlib.decompressobj(zlib.MAX_WBITS | 16) if coding == "gzip" else zstd.ZstdDecompressor()
    )
    try:
        body = decompressor.decompress(raw, limit + 1)
    except (zlib.error, zstd.ZstdError) as error:
        raise InvalidRequest(f"The body is not valid {coding}.") from error
    if len(body) > limit:
        raise too_large(limit)
    if not decompressor.eof:
        raise InvalidRequest(f"The body's {coding} data is cut short.")
    return body
