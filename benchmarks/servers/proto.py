"""A relay of plain callbacks (`python -m benchmarks.servers.proto PORT UPSTREAM_PORT KEY`): Python's practical floor.

asyncio protocols and httptools on both sides; the key is hashed and looked up, the body parsed, usage found by byte
search. What a gateway owes the world besides (limits, clocks, back-pressure, pipelining) is left out on purpose.
"""

import asyncio
import hashlib
import sys
from collections import deque
from dataclasses import dataclass, field
from typing import cast

import httptools
import orjson
import uvloop

_REFUSED = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n"
_BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


@dataclass(slots=True)
class Shared:
    """What all connections of the process see."""

    upstream_port: int
    key_hashes: frozenset[bytes]
    idle: deque["Outbound"] = field(default_factory=deque)
    opening: set[asyncio.Task[None]] = field(default_factory=set)
    tokens: int = 0


class Inbound(asyncio.Protocol):
    """One caller's connection."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._key = b""
        self._body: list[bytes] = []
        self._upstream: Outbound | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is not a subclass

    def connection_lost(self, _exc: Exception | None) -> None:
        self.transport = None
        del self._parser  # parser and protocol hold each other
        if self._upstream is not None:
            self._upstream.abort()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._url, self._key, self._body = b"", b"", []

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"authorization":
            self._key = value[7:]

    def on_body(self, data: bytes) -> None:
        self._body.append(data)

    def on_message_complete(self) -> None:
        if hashlib.sha256(self._key).digest() not in self._shared.key_hashes:
            self.write(_REFUSED)
            return
        body = b"".join(self._body)
        chat = orjson.loads(body)
        if not isinstance(chat.get("model"), str) or not isinstance(chat.get("messages"), list):
            self.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
            return
        request = (
            b"POST %b HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\nauthorization: Bearer x\r\n"
            b"content-length: %d\r\n\r\n%b" % (self._url, len(body), body)
        )
        if self._shared.idle:
            self._send(self._shared.idle.pop(), request)
            return
        task = asyncio.get_running_loop().create_task(self._connect_and_send(request))
        self._shared.opening.add(task)
        task.add_done_callback(self._shared.opening.discard)

    def write(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.write(data)

    def answered(self) -> None:
        self._upstream = None

    async def _connect_and_send(self, request: bytes) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, upstream = await loop.create_connection(
                lambda: Outbound(self._shared), "127.0.0.1", self._shared.upstream_port
            )
        except OSError:
            self.write(_BAD_GATEWAY)
            return
        self._send(upstream, request)

    def _send(self, upstream: "Outbound", request: bytes) -> None:
        self._upstream = upstream
        upstream.send(request, self)


class Outbound(asyncio.Protocol):
    """One kept-alive connection to the upstream; pushes what it reads straight into the caller's transport."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._parser = httptools.HttpResponseParser(self)
        self._caller: Inbound | None = None
        self._transport: asyncio.Transport | None = None
        self._head: list[bytes] = []
        self._out: list[bytes] = []
        self._chunked = False
        self._complete = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not a subclass

    def connection_lost(self, _exc: Exception | None) -> None:
        self._transport = None
        del self._parser
        if self in self._shared.idle:
            self._shared.idle.remove(self)
        if self._caller is not None:
            self._caller.write(_BAD_GATEWAY)
            self._caller.answered()
            self._caller = None

    def abort(self) -> None:
        self._caller = None
        if self._transport is not None:
            self._transport.abort()

    def send(self, request: bytes, caller: Inbound) -> None:
        self._caller = caller
        if self._transport is not None:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)
        caller = self._caller
        if self._out and caller is not None:
            caller.write(b"".join(self._out))  # one write per read: each write is a system call
            self._out.clear()
        if self._complete:
            self._complete = False
            self._caller = None
            if caller is not None:
                caller.answered()
            self._shared.idle.append(self)

    def on_message_begin(self) -> None:
        self._head, self._chunked = [], False

    def on_header(self, name: bytes, value: bytes) -> None:
        lowered = name.lower()
        self._chunked = self._chunked or lowered == b"transfer-encoding"
        self._head.append(b"%b: %b\r\n" % (name, value))

    def on_headers_complete(self) -> None:
        self._out.append(b"HTTP/1.1 %d OK\r\n%b\r\n" % (self._parser.get_status_code(), b"".join(self._head)))

    def on_body(self, data: bytes) -> None:
        at = data.find(b'"usage":{')
        if at >= 0:
            usage = orjson.loads(data[at + 8 : data.index(b"}", at) + 1])
            self._shared.tokens += usage["completion_tokens"]
        self._out.append(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def on_message_complete(self) -> None:
        if self._chunked:
            self._out.append(b"0\r\n\r\n")
        self._complete = True


async def serve(port: int, upstream_port: int, key: str) -> None:
    shared = Shared(upstream_port, frozenset({hashlib.sha256(key.encode()).digest()}))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Inbound(shared), "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
