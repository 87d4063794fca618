"""Carries out an exchange without a network: reads the request, waits as long as ordered, pushes the answer's bytes."""

import asyncio
import itertools
import time
from collections.abc import Callable
from itertools import islice

import orjson

from backends.backend import Sink
from backends.errors import ConnectionLost
from backends.sandbox import faults
from backends.sandbox.faults import Faults
from backends.sandbox.refusal import Refusal, invalid, ordered
from backends.sandbox.reply import Events, Reply
from backends.sandbox.routes import route_of
from backends.sandbox.settings import SandboxSettings
from backends.types import UpstreamRequest

BURST_EVENTS = 64
"""How many events an unpaced stream pushes before it lets others run."""


class SandboxBackend:
    """The sandbox of one provider. `now` gives the epoch seconds that stand in answers as `created`."""

    def __init__(self, settings: SandboxSettings, now: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._now = now
        self._numbers = itertools.count()

    def __repr__(self) -> str:
        return f"SandboxBackend({self._settings})"

    async def exchange(self, request: UpstreamRequest, sink: Sink) -> None:
        """Answer like an HTTP upstream, faults included."""
        number = next(self._numbers)
        befalls = faults.throw(self._settings, number)
        try:
            reply = self._reply(request, befalls, number)
        except Refusal as refusal:
            body = refusal.body()
            self._head(sink, refusal.status, number, length=len(body), **refusal.headers())
            sink.on_data(body)
            await sink.drain()
            return
        if reply.events is not None:
            await self._stream(reply.events(int(self._now())), reply.tokens, befalls, number, sink)
        else:
            await self._unary(reply, befalls, number, sink)

    async def close(self) -> None:
        """Nothing is kept open."""

    def _reply(self, request: UpstreamRequest, befalls: Faults, number: int) -> Reply:
        route = route_of(request)
        if befalls.status is not None:
            raise ordered(befalls.status)
        try:
            return route(request, self._settings.seed, number)
        except orjson.JSONEncodeError as error:
            raise invalid("The request is nested too deeply.", None) from error

    async def _unary(self, reply: Reply, befalls: Faults, number: int, sink: Sink) -> None:
        if befalls.stall_at is not None:
            await _for_ever()
        pace = self._settings.tokens_per_second
        await asyncio.sleep(self._settings.ttft_s + (reply.tokens / pace if pace else 0.0))
        body = reply.whole(int(self._now()))
        self._head(sink, 200, number, length=len(body), content_type=reply.content_type)
        if befalls.cut_at is not None:
            sink.on_data(body[: int(befalls.cut_at * len(body))])
            raise ConnectionLost("the sandbox cut the answer, as ordered")
        sink.on_data(body)
        await sink.drain()

    async def _stream(self, events: Events, total: int, befalls: Faults, number: int, sink: Sink) -> None:
        self._head(sink, 200, number, content_type="text/event-stream; charset=utf-8")
        stall, cut = (_place(at, total) for at in (befalls.stall_at, befalls.cut_at))
        whole = min(stall, cut, total)
        tokens = islice(events.tokens(), whole)
        if self._settings.tokens_per_second:
            await self._paced(events.head, tokens, 1 / self._settings.tokens_per_second, sink)
        else:
            await self._at_once(events.head, tokens, sink)
        if stall == whole:
            await _for_ever()
        if cut == whole:
            raise ConnectionLost("the sandbox cut the stream, as ordered")
        sink.on_data(events.tail if total else events.head + events.tail)
        await sink.drain()

    async def _paced(self, head: bytes, tokens: "islice[bytes]", step_s: float, sink: Sink) -> None:
        """Each token at its own time, counted from the start, so that delays do not add up."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._settings.ttft_s
        for token in tokens:
            await asyncio.sleep(max(0.0, due - loop.time()))
            sink.on_data(head + token)
            await sink.drain()
            head = b""
            due += step_s

    async def _at_once(self, head: bytes, tokens: "islice[bytes]", sink: Sink) -> None:
        await asyncio.sleep(self._settings.ttft_s)
        while burst := b"".join(islice(tokens, BURST_EVENTS)):
            sink.on_data(head + burst)
            await sink.drain()
            await asyncio.sleep(0)  # `drain` need not wait, and a long answer must not hold up the others
            head = b""

    def _head(
        self,
        sink: Sink,
        status: int,
        number: int,
        *,
        length: int | None = None,
        content_type: str = "application/json",
        **more: str,
    ) -> None:
        headers = {"content-type": content_type, "x-request-id": f"req_sandbox_{self._settings.seed}_{number}", **more}
        if length is not None:
            headers["content-length"] = str(length)
        sink.on_head(status, headers)


def _place(share: float | None, total: int) -> int:
    """After how many tokens a fault comes; beyond the end for none."""
    return total + 1 if share is None else int(share * total)


async def _for_ever() -> None:
    await asyncio.get_running_loop().create_future()
