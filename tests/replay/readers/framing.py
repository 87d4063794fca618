"""Whole bodies of streams → their events. Unlike the product's, these see the whole body at once.

https://html.spec.whatwg.org/multipage/server-sent-events.html and
https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html
"""

import binascii
import json
import struct
from typing import Any


def sse_events(body: bytes) -> list[tuple[str, str]]:
    """(type, data) of each event that has data."""
    text = body.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
    events = []
    for block in text.split("\n\n"):
        name, data = "", []
        for line in block.split("\n"):
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                name = value.strip()
            elif field == "data":
                data.append(value)
        if data:
            events.append((name, "\n".join(data)))
    return events


def sse_objects(body: bytes) -> list[dict[str, Any]]:
    """The JSON objects in the events; the terminator is none."""
    found: list[dict[str, Any]] = []
    for _, data in sse_events(body):
        if data.strip() == "[DONE]":
            break
        found.extend(objects_in(data))
    return found


def objects_in(data: str) -> list[dict[str, Any]]:
    """The JSON objects in a line, one after another."""
    decoder, at, found = json.JSONDecoder(), 0, []
    data = data.strip()
    while at < len(data):
        value, at = decoder.raw_decode(data, at)
        found.extend(value if isinstance(value, list) else [value])
        while at < len(data) and data[at].isspace():
            at += 1
    return found


def sse_edges(body: bytes) -> list[int]:
    """Where events end: each place is a count of bytes that holds whole events only."""
    edges, at = [], 0
    while at < len(body):
        ends = [(body.find(mark, at), len(mark)) for mark in (b"\n\n", b"\r\n\r\n")]
        ends = [(place, size) for place, size in ends if place >= 0]
        if not ends:
            break
        place, size = min(ends)
        at = place + size
        edges.append(at)
    return edges


def aws_frames(body: bytes) -> list[tuple[dict[str, str], bytes]]:
    """(headers, payload) of each message of an AWS event stream; its checksums are verified."""
    frames, at = [], 0
    while at < len(body):
        total, headers_length, prelude_crc = struct.unpack_from(">III", body, at)
        assert binascii.crc32(body[at : at + 8]) == prelude_crc
        (crc,) = struct.unpack_from(">I", body, at + total - 4)
        assert binascii.crc32(body[at : at + total - 4]) == crc
        frames.append(
            (_headers(body[at + 12 : at + 12 + headers_length]), body[at + 12 + headers_length : at + total - 4])
        )
        at += total
    return frames


def aws_edges(body: bytes) -> list[int]:
    """Where messages end."""
    edges, at = [], 0
    while at < len(body):
        at += struct.unpack_from(">I", body, at)[0]
        edges.append(at)
    return edges


def _headers(data: bytes) -> dict[str, str]:
    """Strings only (type 7): no other type is sent by Bedrock."""
    headers, at = {}, 0
    while at < len(data):
        size = data[at]
        name = data[at + 1 : at + 1 + size].decode()
        at += 1 + size
        assert data[at] == 7
        (length,) = struct.unpack_from(">H", data, at + 1)
        headers[name] = data[at + 3 : at + 3 + length].decode()
        at += 3 + length
    return headers
