"""The door with aiohttp behind it: gathers what the pipeline says, writes it when there is reason to."""

import asyncio
from collections.abc import Mapping

from aiohttp import web

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
        self._flushes: set[asyncio.Task[None]] = set()

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

    def flush(self) -> None:
        """Write what was gathered, without waiting for it."""
        task = asyncio.get_running_loop().create_task(self._flushed())
        self._flushes.add(task)
        task.add_done_callback(self._flushes.discard)

    async def end(self) -> None:
        """The answer is whole."""
        if self._stream is None:
            self._whole = web.Response(status=self._status, headers=self._headers, body=b"".join(self._gathered))
            return
        await self.drain()
        try:
            await self._stream.write_eof()
        except ConnectionError as error:
            raise ClientLeft from error

    async def _flushed(self) -> None:
        try:
            await self.drain()
        except ClientLeft:
            return  # the request's own task learns of it by its cancellation
