"""`multipart/form-data` (RFC 7578), read where it lies: parts are places in the body, and nothing is copied.

Strict where two readers might differ, since the gateway judges a field and another server obeys it: a part without a
name, a name twice in one header, a coding of its own are refused. Sans-io.
"""

import re
from typing import NamedTuple

LONGEST_PART_HEAD = 8 << 10
MOST_PARTS = 256
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,199}[0-9A-Za-z'()+_,./:=?-]")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PARAMETER = re.compile(r'[ \t]*;[ \t]*([!#$%&\'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^;"\s]*)')
_ESCAPED = re.compile(r"\\(.)")
_PLAIN_CODINGS = frozenset({"7bit", "8bit", "binary"})


class BadForm(ValueError):
    """The body is no form; the message says why, and repeats nothing of it."""


class Part(NamedTuple):
    """One field of a form, and where its content lies in the body."""

    name: str
    filename: str | None
    """None: a field, not a file."""
    content_type: str | None
    start: int
    end: int


def boundary_of(content_type: str) -> str:
    """The boundary that a `content-type` header names. Raises BadForm when it is no form's."""
    media, parameters = _parse_field(content_type)
    boundary = parameters.get("boundary")
    if media != "multipart/form-data" or boundary is None or not _BOUNDARY.fullmatch(boundary):
        raise BadForm("the content-type must be multipart/form-data with a boundary")
    return boundary


def content_type_for(boundary: str) -> str:
    """The header for a body with this boundary; without quotes where it can be, since not every server reads them."""
    return (
        f"multipart/form-data; boundary={boundary if _TOKEN.fullmatch(boundary) else f'{chr(34)}{boundary}{chr(34)}'}"
    )


def read_parts(body: bytes, boundary: str) -> list[Part]:
    """The parts of a whole body, in order. Raises BadForm."""
    dash = b"--" + boundary.encode("ascii")
    delimiter = b"\r\n" + dash
    at = len(dash) if body.startswith(dash) else _behind(body.find(delimiter), delimiter)
    parts: list[Part] = []
    while not body.startswith(b"--", at):
        if len(parts) == MOST_PARTS:
            raise BadForm(f"it has more than {MOST_PARTS} parts")
        head, start = _part_head(body, at)
        end = body.find(delimiter, start - 2)  # the blank line's own line feed may be the delimiter's
        if end < 0:
            raise BadForm("its last boundary is missing")
        parts.append(_part(head, start, max(end, start)))
        at = end + len(delimiter)
    return parts


def _behind(found: int, delimiter: bytes) -> int:
    if found < 0:
        raise BadForm("its first boundary is missing")
    return found + len(delimiter)


def _part_head(body: bytes, at: int) -> tuple[list[str], int]:
    """A part's header lines, and where its content begins."""
    line_end = body.find(b"\r\n", at, at + LONGEST_PART_HEAD)
    if line_end < 0 or body[at:line_end].strip(b" \t"):
        raise BadForm("something stands behind a boundary")
    head_end = body.find(b"\r\n\r\n", line_end, line_end + LONGEST_PART_HEAD)
    if head_end < 0:
        raise BadForm("a part has no end of its headers")
    try:
        return body[line_end + 2 : head_end].decode("utf-8").split("\r\n"), head_end + 4
    except UnicodeDecodeError as error:
        raise BadForm("a part's headers are not UTF-8") from error


def _part(lines: list[str], start: int, end: int) -> Part:
    fields: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.lower()
        if not colon or not _TOKEN.fullmatch(name) or name in fields:
            raise BadForm("a part has a header that is none, or one twice")
        fields[name] = value.strip()
    if fields.get("content-transfer-encoding", "binary").lower() not in _PLAIN_CODINGS:
        raise BadForm("a part has a content-transfer-encoding (RFC 7578, section 4.7)")
    kind, parameters = _parse_field(fields.get("content-disposition", ""))
    if kind != "form-data" or "name" not in parameters:
        raise BadForm("a part has no name")
    filename = parameters.get("filename", parameters.get("filename*"))
    return Part(parameters["name"], filename, fields.get("content-type"), start, end)


def _parse_field(value: str) -> tuple[str, dict[str, str]]:
    """`kind; name=value; name="value"`: the kind in lower case, and the parameters."""
    kind = value.partition(";")[0]
    at, parameters = len(kind), {}
    while at < len(value):
        found = _PARAMETER.match(value, at)
        if found is None:
            if value[at:].strip(" \t;"):
                raise BadForm("a header's parameters are not well-formed")
            break
        name, text = found[1].lower(), found[2]
        if name in parameters:
            raise BadForm("a header has a parameter twice")
        parameters[name] = _ESCAPED.sub(r"\1", text[1:-1]) if text.startswith('"') else text
        at = found.end()
    return kind.strip(" \t").lower(), parameters
