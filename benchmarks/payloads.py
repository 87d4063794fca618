"""The bytes that mock and load generator agree on: requests, answers, and chunks that carry the time they were sent.

A chunk's content is `~` and sixteen digits, the sender's monotonic clock in nanoseconds (one clock for all processes of
a machine). The tilde occurs nowhere else in an answer: a reader counts chunks by counting bytes, however reads are cut.
"""

import json
import time

MODEL = "bench-model"
STAMP_MARK = b"~"
STAMP_DIGITS = 16

_TEXT = (
    "The headrace carries the water from the reservoir to the turbine, and what arrives there in order, on time and "
    "undiminished is what the station can turn into power; all the rest is foam, noise and a little heat."
)


def request_body(size: int, model: str = MODEL) -> bytes:
    """A chat request of about `size` bytes that wants one whole answer."""
    body = {"model": model, "messages": [{"role": "user", "content": ""}], "max_tokens": 64, "temperature": 0.7}
    filler = (_TEXT + " ") * (size // len(_TEXT) + 1)
    body["messages"] = [{"role": "user", "content": filler[: max(1, size - len(json.dumps(body)))]}]
    return json.dumps(body, separators=(",", ":")).encode()


def stream_body(chunks: int, pace_per_s: int, model: str = MODEL) -> bytes:
    """A chat request for `chunks` chunks. Its pace travels as `seed`, which every gateway passes on; 0 is "at once"."""
    messages = [{"role": "user", "content": _TEXT}]
    body = {"model": model, "messages": messages, "stream": True, "max_tokens": chunks, "seed": pace_per_s}
    return json.dumps(body, separators=(",", ":")).encode()


def unary_answer() -> bytes:
    """About 500 bytes, as OpenAI shapes it."""
    message = {"role": "assistant", "content": _TEXT[:180], "refusal": None}
    answer = {
        "id": "chatcmpl-bench0000000000000000000000",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": MODEL,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 211, "completion_tokens": 42, "total_tokens": 253},
    }
    return json.dumps(answer, separators=(",", ":")).encode()


def _event(choices: list[dict[str, object]], **more: object) -> bytes:
    chunk = {
        "id": "chatcmpl-bench0000000000000000000000",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": MODEL,
        "choices": choices,
        **more,
    }
    return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"


def _framed(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


_PLACEHOLDER = "~" + "0" * STAMP_DIGITS
_BEFORE, _, _AFTER = _framed(
    _event([{"index": 0, "delta": {"content": _PLACEHOLDER}, "finish_reason": None}])
).partition(_PLACEHOLDER.encode())
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
) + _framed(_event([{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]))
STREAM_FINISH = _framed(_event([{"index": 0, "delta": {}, "finish_reason": "stop"}]))
STREAM_DONE = _framed(b"data: [DONE]\n\n") + b"0\r\n\r\n"


def stamped_chunk() -> bytes:
    """One content chunk, framed for HTTP, stamped with the moment of its writing."""
    return b"%b~%016d%b" % (_BEFORE, time.monotonic_ns(), _AFTER)


def usage_chunk(chunks: int) -> bytes:
    usage = {"prompt_tokens": 61, "completion_tokens": chunks, "total_tokens": 61 + chunks}
    return _framed(_event([], usage=usage))


def transit_ns(data: bytes) -> int | None:
    """How long ago the first stamped chunk in these bytes was written; None when no whole stamp is there."""
    at = data.find(STAMP_MARK)
    stamp = data[at + 1 : at + 1 + STAMP_DIGITS]
    if at < 0 or len(stamp) < STAMP_DIGITS:
        return None
    return time.monotonic_ns() - int(stamp)
