"""The application's side: requests on raw sockets, so that a test sees each byte and decides when to read or leave.

No HTTP client library stands in between: it would hide chunk borders, add headers, pool connections and retry.
"""

import json
import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPMessage, parse_headers
from typing import Any, Self
from urllib.parse import urlsplit

Address = tuple[str, int]
Json = dict[str, Any]


def sse_data(body: bytes) -> list[bytes]:
    """The data of each server-sent event, comments left out."""
    lines = body.replace(b"\r\n", b"\n").split(b"\n")
    return [line[5:].strip() for line in lines if line.startswith(b"data:")]


@dataclass(frozen=True)
class Answer:
    """One whole HTTP answer."""

    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> Json:
        """The error object of an answer, or of a stream's last event that carries one."""
        if self.headers.get_content_type() != "text/event-stream":
            return dict(self.json["error"])
        found = [json.loads(data) for data in sse_data(self.body) if data != b"[DONE]" and b'"error"' in data]
        return dict(found[-1]["error"])

    @property
    def events(self) -> list[bytes]:
        return sse_data(self.body)

    @property
    def text(self) -> str:
        """All content of a streamed answer, joined."""
        chunks = [json.loads(data) for data in self.events if data != b"[DONE]"]
        return "".join(c["delta"].get("content") or "" for chunk in chunks for c in chunk.get("choices", []))


class Wire:
    """One connection: write what you like, read answers one after another, leave as you like."""

    def __init__(self, address: Address, timeout_s: float = 15.0, receive_buffer: int | None = None) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout_s)
        try:
            self.socket.connect(address)
        except OSError:
            self.socket.close()
            raise
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")
        self._host = f"{address[0]}:{address[1]}"
        self._headers = HTTPMessage()
        self._status = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> None:
        """A well-formed request; host and content-length are added unless given."""
        given = {name.lower(): value for name, value in (headers or {}).items()}
        given.setdefault("host", self._host)
        if body is not None and "transfer-encoding" not in given:
            given.setdefault("content-length", str(len(body)))
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in given.items())
        self.send(head.encode("latin-1") + b"\r\n" + (body or b""))

    def head(self) -> tuple[int, HTTPMessage]:
        """Status and headers of the next answer."""
        line = self.file.readline(65_537)
        if not line:
            raise ConnectionResetError("closed without an answer")
        self._status = int(line.split(b" ", 2)[1])
        self._headers = parse_headers(self.file)
        return self._status, self._headers

    def pieces(self) -> Iterator[bytes]:
        """The body after `head`, in the chunks it is sent in; raises ConnectionError when it is cut short."""
        if "chunked" in self._headers.get("transfer-encoding", ""):
            yield from self._chunks()
        elif (length := self._headers.get("content-length")) is not None:
            yield self._exactly(int(length))
        else:
            while data := self.file.read1(65_536):
                yield data

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.file.readline().split(b";")[0] or b"-1", 16):
            if size < 0:
                raise ConnectionResetError("cut between chunks")
            data = self._exactly(size)
            self.file.readline()
            yield data
        self.file.readline()

    def _exactly(self, size: int) -> bytes:
        data = self.file.read(size)
        if len(data) < size:
            raise ConnectionResetError(f"cut after {len(data)} of {size} bytes")
        return data

    def answer(self, *, bodiless: bool = False) -> Answer:
        status, headers = self.head()
        if bodiless or status in (204, 304) or status < 200:
            return Answer(status, headers, b"")
        return Answer(status, headers, b"".join(self.pieces()))

    def is_closed(self) -> bool:
        """Whether the other side has hung up; waits as long as the socket's timeout."""
        try:
            return self.file.read(1) == b""
        except ConnectionError:
            return True

    def reset(self) -> None:
        """Leave with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        self.file.close()
        self.socket.close()


@dataclass(frozen=True)
class Caller:
    """An application with a key. Each call has a connection of its own, so it may reach any worker."""

    base_url: str
    key: str | None
    timeout_s: float = 15.0
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def address(self) -> Address:
        parts = urlsplit(self.base_url)
        return str(parts.hostname), int(parts.port or 80)

    def wire(self, **options: Any) -> Wire:
        return Wire(self.address, **{"timeout_s": self.timeout_s, **options})

    def _headers(self, headers: Mapping[str, str] | None, *, json_body: bool) -> dict[str, str]:
        own = {"authorization": f"Bearer {self.key}"} if self.key else {}
        if json_body:
            own["content-type"] = "application/json"
        return {**own, **self.extra, **(headers or {})}

    def call(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Answer:
        """One request, its answer whole. `body`: bytes as they are, anything else as JSON."""
        with self.wire() as wire:
            self.start(wire, method, path, body, headers)
            return wire.answer(bodiless=method == "HEAD")

    def start(
        self, wire: Wire, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> None:
        """Send a request on this connection and return at once."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        wire.request(method, path, self._headers(headers, json_body=body is not None), data)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.call("GET", path, None, headers)

    def post(self, path: str, body: object, headers: Mapping[str, str] | None = None) -> Answer:
        return self.call("POST", path, body, headers)

    def chat(self, model: str, *, headers: Mapping[str, str] | None = None, **fields: Any) -> Answer:
        """A chat completion, whole."""
        return self.post("/v1/chat/completions", chat_body(model, **fields), headers)

    @contextmanager
    def open_chat(
        self,
        model: str,
        *,
        headers: Mapping[str, str] | None = None,
        wire_options: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> Iterator[Wire]:
        """A streamed chat that the test reads, or leaves, at its own pace; the request is sent, nothing is read."""
        with self.wire(**(wire_options or {})) as wire:
            body = chat_body(model, **{"stream": True, **fields})
            self.start(wire, "POST", "/v1/chat/completions", body, headers)
            yield wire


def chat_body(model: str, **fields: Any) -> Json:
    """The smallest chat request, and the fields a test adds."""
    return {"model": model, "messages": [{"role": "user", "content": "Say hello."}], **fields}
