"""The mock upstream: OpenAI's chat route, whole and streamed, as cheap as Python can serve it, with an exact count.

Run as `python -m benchmarks.mock PORT`. It speaks just enough HTTP/1.1 for gateways (requests with a content length,
kept alive). `GET /stats` tells what was served; any other GET is a router asking whether its worker is well. It trusts
its callers: loopback only, and never a part of the product.
"""

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from typing import cast

import orjson
import uvloop

from benchmarks import payloads

_ANSWER = payloads.unary_answer()
_UNARY = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(_ANSWER), _ANSWER)


@dataclass(slots=True)
class Served:
    unary: int = 0
    streams_begun: int = 0
    streams_finished: int = 0
    streams_cut: int = 0
    chunks: int = 0


class Upstream(asyncio.Protocol):
    """One connection: gathers a request by its length, answers it, waits for the next."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._buffer = b""
        self._stream: Stream | None = None
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is not a subclass

    def connection_lost(self, _exc: Exception | None) -> None:
        if self._stream is not None:
            self._stream.cut()
            self._stream = None

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        while True:
            head_end = self._buffer.find(b"\r\n\r\n")
            if head_end < 0:
                return
            end = head_end + 4 + _content_length(self._buffer[:head_end])
            if len(self._buffer) < end:
                return
            whole, self._buffer = self._buffer[:end], self._buffer[end:]
            self._answer(whole, head_end)

    def pause_writing(self) -> None:
        if self._stream is not None:
            self._stream.paused = True

    def resume_writing(self) -> None:
        if self._stream is not None:
            self._stream.resume()

    def _answer(self, whole: bytes, head_end: int) -> None:
        if whole.startswith(b"GET /stats"):
            self._answer_json(asdict(self._served))
        elif whole.startswith(b"GET "):
            self._answer_json({})
        elif b'"stream":true' in whole or b'"stream": true' in whole:
            self._stream = Stream(self, self._served, whole[head_end + 4 :])
        else:
            self._served.unary += 1
            self.transport.write(_UNARY)

    def _answer_json(self, value: dict[str, int]) -> None:
        body = json.dumps(value).encode()
        self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))

    def stream_ended(self) -> None:
        self._stream = None


class Stream:
    """One streamed answer: a chunk per tick of its pace, or one per turn of the loop when it has none."""

    def __init__(self, connection: Upstream, served: Served, body: bytes) -> None:
        request = orjson.loads(body)
        self.paused = False
        self._connection = connection
        self._served = served
        # Some gateways put the newer name in the older one's place.
        self._total: int = request.get("max_tokens") or request["max_completion_tokens"]
        self._interval_s: float = 1 / request["seed"] if request.get("seed") else 0.0
        self._wants_usage = bool((request.get("stream_options") or {}).get("include_usage"))
        self._sent = 0
        self._loop = asyncio.get_running_loop()
        self._begun_at = self._loop.time()
        served.streams_begun += 1
        connection.transport.write(payloads.STREAM_HEAD + self._next_chunk())
        self._handle = self._schedule()

    def cut(self) -> None:
        self._handle.cancel()
        self._served.streams_cut += 1

    def resume(self) -> None:
        if self.paused:
            self.paused = False
            self._handle = self._schedule()

    def _schedule(self) -> asyncio.Handle:
        if not self._interval_s:
            return self._loop.call_soon(self._tick)
        return self._loop.call_at(self._begun_at + self._sent * self._interval_s, self._tick)

    def _next_chunk(self) -> bytes:
        self._sent += 1
        self._served.chunks += 1
        return payloads.stamped_chunk()

    def _tick(self) -> None:
        if self.paused:
            return  # `resume` goes on
        if self._sent < self._total:
            self._connection.transport.write(self._next_chunk())
            self._handle = self._schedule()
            return
        usage = payloads.usage_chunk(self._total) if self._wants_usage else b""
        self._connection.transport.write(payloads.STREAM_FINISH + usage + payloads.STREAM_DONE)
        self._served.streams_finished += 1
        self._connection.stream_ended()


def _content_length(head: bytes) -> int:
    lowered = head.lower()
    at = lowered.find(b"\r\ncontent-length:")
    if at < 0:
        return 0
    end = lowered.find(b"\r\n", at + 2)
    return int(lowered[at + 17 : end if end >= 0 else len(lowered)])


async def serve(port: int) -> None:
    served = Served()
    server = await asyncio.get_running_loop().create_server(lambda: Upstream(served), "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
