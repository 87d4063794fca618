"""The door with aiohttp behind it: gathers what the pipeline says, writes it when there is reason to."""

import asyncio
from collections.abc import Mapping

from aiohttp import web

from backends.backend import Flow
from gateway.door import ClientLeft


class AiohttpResponder:
    """Implements gateway.door.Responder. A unary answer goes out in one piece with its length; a stream in chunks."""

    def __init__(self, request: web.BaseRequest, always: Mapping[str, str]) -> None:
        self.started = False
        self._request = request
        self._always = always
        self._status = 0
        self._headers: dict[str, str] = {}
        self._gathered: list[bytes] = []
        self._stream: web.StreamResponse | None = None
        self._whole: web.Response | None = None
        self._flushing: asyncio.Task[None] | None = None
        self._flow: Flow | None = None

    @property
    def response(self) -> web.StreamResponse:
        """What aiohttp's handler has to return, once the answer has ended."""
        response = self._whole or self._stream
        assert response is not None, "the pipeline ends every answer"
        return response

    def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Status and headers; they leave with the first bytes."""
        self.started = True
        self._status = status
        self._headers = {"server": "headrace", **self._always, **headers}

    def write(self, data: bytes) -> None:
        """Gather."""
        self._gathered.append(data)

    async def drain(self) -> None:
        """Write what was gathered; aiohttp waits while the caller's socket is full."""
        while self._flushing is not None:
            await asyncio.wait([self._flushing])
        await self._write_gathered()

    def flush(self) -> None:
        """Write what was gathered in a task: aiohttp has no other way. While that waits for the caller, so does the
        upstream."""
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().create_task(self._flushed())
            self._flushing.add_done_callback(self._has_flushed)
        elif self._flow is not None:
            self._flow.pause()

    def attach(self, flow: Flow | None) -> None:
        """The upstream to pause while a flush waits."""
        self._flow = flow

    async def end(self) -> None:
        """The answer is whole."""
        if self._stream is None and self._flushing is None:
            self._whole = web.Response(status=self._status, headers=self._headers, body=b"".join(self._gathered))
            return
        await self.drain()
        assert self._stream is not None
        try:
            await self._stream.write_eof()
        except ConnectionError as error:
            raise ClientLeft from error

    async def _flushed(self) -> None:
        try:
            while self._gathered:
                await self._write_gathered()
        except ClientLeft:
            self._gathered.clear()  # the request's own task learns of it by its cancellation

    def _has_flushed(self, _: asyncio.Task[None]) -> None:
        self._flushing = None
        if self._flow is not None:
            self._flow.resume()

    async def _write_gathered(self) -> None:
        if not self._gathered:
            return
        data = self._gathered[0] if len(self._gathered) == 1 else b"".join(self._gathered)
        self._gathered.clear()
        try:
            if self._stream is None:
                self._stream = web.StreamResponse(status=self._status, headers=self._headers)
                await self._stream.prepare(self._request)
            await self._stream.write(data)
        except ConnectionError as error:
            raise ClientLeft from error
