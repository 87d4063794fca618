"""What real providers do, as scripts for the fake upstream: answers, streams, errors, and every way to break off."""

import asyncio
import json
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from tests.support.upstream import Line, Script

JSON = {"content-type": "application/json"}
EVENTS = {"content-type": "text/event-stream; charset=utf-8"}

DONE = b"data: [DONE]\n\n"


def usage(
    prompt: int = 10, completion: int = 5, *, cached: int | None = None, reasoning: int | None = None
) -> dict[str, Any]:
    """A usage object as OpenAI counts: cached tokens are among the prompt's, reasoning among the completion's."""
    counted: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    if cached is not None:
        counted["prompt_tokens_details"] = {"cached_tokens": cached, "audio_tokens": 0}
    if reasoning is not None:
        counted["completion_tokens_details"] = {"reasoning_tokens": reasoning, "audio_tokens": 0}
    return counted


def completion(text: str, counted: Mapping[str, Any] | None, model: str = "upstream-model") -> dict[str, Any]:
    """A chat completion."""
    message = {"role": "assistant", "content": text, "refusal": None}
    body: dict[str, Any] = {
        "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
        "object": "chat.completion",
        "created": 1741569952,
        "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
    }
    return body if counted is None else {**body, "usage": counted}


def chunk(delta: Mapping[str, Any], finish: str | None = None, **more: Any) -> bytes:
    """One event of a streamed chat completion, with a field no gateway has heard of."""
    body: dict[str, Any] = {
        "id": "chatcmpl-D7Tje2fPdkPLuSp4v1Ai5zvEsx68s",
        "object": "chat.completion.chunk",
        "created": 1770674970,
        "model": "upstream-model",
        "system_fingerprint": "fp_ad98c18a04",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
        "obfuscation": "uEEi97D0Ts0KuE",
        **more,
    }
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def usage_chunk(counted: Mapping[str, Any]) -> bytes:
    """The extra event that `stream_options.include_usage` asks for."""
    return chunk({}, usage=counted, choices=[])


ROLE = chunk({"role": "assistant", "content": "", "refusal": None})
FINISH = chunk({}, "stop")


def words(*texts: str) -> list[bytes]:
    """One content event for each text."""
    return [chunk({"content": text}) for text in texts]


def answer(
    body: bytes | Mapping[str, Any] | None = None,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    counted: Mapping[str, Any] | None = None,
) -> Script:
    """A whole answer; bytes go out as they are."""
    counted = counted or usage()
    content = completion("Hello there, friend.", counted) if body is None else body
    data = content if isinstance(content, bytes) else json.dumps(content).encode()

    async def play(line: Line) -> None:
        line.exchange.usage = counted if status == 200 else None
        await line.whole(status, {**JSON, **(headers or {})}, data)

    return play


def stream(
    *events: bytes,
    counted: Mapping[str, Any] | None = None,
    interval_s: float = 0.0,
    done: bool = True,
    gate: threading.Event | None = None,
    piece: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> Script:
    """A stream of events: role, the given ones, finish, usage where asked for, the terminator.

    `gate`: nothing after the first content event until it opens. `piece`: cut the bytes to this size.
    """
    counted = counted or usage(10, len(events))
    body = events or tuple(words("Hel", "lo ", "there."))

    async def play(line: Line) -> None:
        await line.head(200, {**EVENTS, **(headers or {})})
        await _send_events(line, [ROLE, body[0]], interval_s, piece)
        line.exchange.content_events += 1
        if gate is not None:
            await line.passed(gate)
        for event in body[1:]:
            await _send_events(line, [event], interval_s, piece)
            line.exchange.content_events += 1
        tail = [FINISH] + ([usage_chunk(counted)] if line.exchange.asked_for_usage else []) + ([DONE] if done else [])
        line.exchange.usage = counted
        await _send_events(line, tail, interval_s, piece)
        await line.end()

    return play


async def _send_events(line: Line, events: Iterable[bytes], interval_s: float, piece: int | None) -> None:
    for event in events:
        size = piece or len(event)
        for start in range(0, len(event), size):
            await line.data(event[start : start + size])
        if interval_s:
            await asyncio.sleep(interval_s)


def as_asked() -> Script:
    """A stream to who asked for one, else a whole answer."""

    async def play(line: Line) -> None:
        await (stream() if line.exchange.json.get("stream") else answer())(line)

    return play


def stream_text(*events: bytes, counted: Mapping[str, Any] | None = None, done: bool = True) -> bytes:
    """The bytes that `stream` sends, with the usage event when `counted` is given."""
    tail = [FINISH] + ([usage_chunk(counted)] if counted else []) + ([DONE] if done else [])
    return b"".join([ROLE, *events, *tail])


def raw_stream(*pieces: bytes, then: str = "end") -> Script:
    """Exactly these bytes as an event stream, then `end`, `cut` (FIN without the last chunk), `reset` or `hang`."""

    async def play(line: Line) -> None:
        await line.head(200, EVENTS)
        for piece in pieces:
            await line.data(piece)
        await _part(line, then)

    return play


async def _part(line: Line, how: str) -> None:
    if how == "end":
        await line.end()
    elif how == "hang":
        await line.hang()
    elif how == "cut":
        line.cut()
    else:
        assert how == "reset", how
        await asyncio.sleep(0.05)  # RST discards what the other side has not read: let it read first
        line.reset()


def hang_before_headers() -> Script:
    async def play(line: Line) -> None:
        await line.hang()

    return play


def hang_up_before_headers(how: str = "cut") -> Script:
    async def play(line: Line) -> None:
        await _part(line, how)

    return play


def hang_before_first_token() -> Script:
    """Headers and a role, then nothing: what a queue in front of an engine looks like."""
    return raw_stream(ROLE, then="hang")


def cut_body(sent: bytes = b'{"id": "chatcmpl-1", "choices": [', then: str = "cut") -> Script:
    """An answer that promises more bytes than come."""

    async def play(line: Line) -> None:
        await line.head(200, JSON, length=4096)
        await line.data(sent)
        await _part(line, then)

    return play


def answer_then_close() -> Script:
    """A whole answer on a connection that promises to stay, and then does not: idle time-outs look like this."""

    async def play(line: Line) -> None:
        await answer()(line)
        line.cut()

    return play


def held_answer(gate: threading.Event) -> Script:
    """A unary answer that comes when the gate opens."""

    async def play(line: Line) -> None:
        await line.passed(gate)
        await answer()(line)

    return play


def endless_event(size: int) -> Script:
    """A stream whose one event has no end."""

    async def play(line: Line) -> None:
        await line.head(200, EVENTS)
        await line.data(ROLE + b'data: {"choices": [{"index": 0, "delta": {"content": "')
        for _ in range(size // 65_536):
            await line.data(b"x" * 65_536)
        await line.hang()

    return play


def firehose(events: int, text: str) -> Script:
    """A very long stream as fast as the gateway takes it."""
    event = chunk({"content": text})

    async def play(line: Line) -> None:
        await line.head(200, EVENTS)
        await line.data(ROLE)
        for _ in range(events):
            await line.data(event)
            line.exchange.content_events += 1
        await line.data(FINISH + DONE)
        await line.end()

    return play


def openai_error(
    status: int,
    message: str,
    *,
    type_: str = "invalid_request_error",
    code: str | None = None,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Script:
    """OpenAI's error shape, with its request id and spacing."""
    error = {"message": message, "type": type_, "param": param, "code": code}
    body = json.dumps({"error": error}, indent=4).encode() + b"\n"
    return answer(
        body, status=status, headers={"x-request-id": "req_3855783c722245b6ab7e4e7f7b2d85ce", **(headers or {})}
    )


OVERFLOW = (
    "This model's maximum context length is 40960 tokens. However, your messages resulted in 52341 tokens. "
    "Please reduce the length of the messages."
)


def context_overflow() -> Script:
    return openai_error(400, OVERFLOW, code="context_length_exceeded", param="messages")


def rate_limited(headers: Mapping[str, str]) -> Script:
    message = "Rate limit reached for requests. Please try again later."
    return openai_error(429, message, type_="requests", code="rate_limit_exceeded", headers=headers)


def html_page(status: int = 502, marker: str = "nginx/1.25.3") -> Script:
    page = f"<html><head><title>{status}</title></head><body><center>{marker}</center></body></html>\r\n"

    async def play(line: Line) -> None:
        await line.whole(status, {"content-type": "text/html"}, page.encode())

    return play


def error_event(message: str = "The server had an error while processing your request.") -> bytes:
    """An error that a provider puts into a stream it has begun with status 200."""
    error = {"message": message, "type": "server_error", "param": None, "code": None}
    return b"data: " + json.dumps({"error": error}).encode() + b"\n\n"
