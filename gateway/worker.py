"""A worker among its siblings: what it tells the parent, what the parent tells it, and how it ends."""

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Protocol

from gateway.channel import Message, WorkerChannel
from gateway.dispatch.attempt import Equipment
from gateway.http.state import Liveness
from gateway.log import get
from gateway.metrics import Metrics, Snapshot
from gateway.procstat import observe_process
from gateway.routing.problems import RulesError
from gateway.routing.table import RoutingTable
from gateway.upstreams import Upstreams

REPORT_S = 1.0
COLLECT_WITHIN_S = 2.0
POLL_S = 0.05
LAST_WORDS_S = 1.0
"""For telling callers that their answer is cut."""


class Draining(Protocol):
    """What accepts connections."""

    def stop_accepting(self) -> None:
        """No new connections."""

    def drain(self) -> None:
        """Close what is idle, and each other connection with the answer under way."""

    @property
    def in_flight(self) -> int:
        """Connections on which something is still to be read, answered or delivered."""


class Worker:
    """Holds the routing table in force and speaks with the parent."""

    def __init__(
        self,
        index: int,
        channel: WorkerChannel,
        load: Callable[[str], RoutingTable],
        table: RoutingTable,
        upstreams: Upstreams,
        equipment: Equipment,
        liveness: Liveness,
        observe: Callable[[Metrics], None],
    ) -> None:
        self._index = index
        self._channel = channel
        self._load = load
        self._table = table
        self._upstreams = upstreams
        self._equipment = equipment
        self._liveness = liveness
        self._observe = observe
        self._metrics = equipment.metrics
        self._drain = asyncio.Event()
        self._asked = count(1)
        self._collections: dict[int, asyncio.Future[Snapshot]] = {}
        upstreams.adopt(table)

    def table(self) -> RoutingTable:
        """The routing table in force."""
        return self._table

    async def collect(self) -> Snapshot:
        """All workers' metrics as one; our own alone when the parent does not answer."""
        number = next(self._asked)
        answer: asyncio.Future[Snapshot] = asyncio.get_running_loop().create_future()
        self._collections[number] = answer
        self._channel.send({"is": "collect", "id": number})
        try:
            async with asyncio.timeout(COLLECT_WITHIN_S):
                return await answer
        except TimeoutError:
            return self._counts()
        finally:
            self._collections.pop(number, None)

    async def listen(self) -> None:
        """Obey the parent until it is gone, which means to drain."""
        while (message := await self._channel.receive()) is not None:
            self._obey(message)
        self._drain.set()

    async def report(self) -> None:
        """Once a second: our counts to the parent, so that they outlive us; and how late the loop wakes."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + REPORT_S
            await asyncio.sleep(REPORT_S)
            self._metrics.loop_lag.set((), max(loop.time() - due, 0.0))
            self._channel.send({"is": "counts", "counts": self._counts()})

    async def until_drained(self, plane: Draining, delay_s: float, timeout_s: float) -> None:
        """Wait for the word to drain, then let what runs finish within its time."""
        await self._drain.wait()
        self._liveness.draining = True
        await asyncio.sleep(delay_s)
        plane.stop_accepting()
        plane.drain()
        if not await self._idle_within(plane, timeout_s):
            get("worker").warning("ending what outlasts the drain", requests=self._liveness.in_flight)
            for watch in list(self._equipment.under_way):
                watch.expire("shutdown")
            await self._idle_within(plane, LAST_WORDS_S)
        self._channel.send({"is": "counts", "counts": self._counts()})

    async def _idle_within(self, plane: Draining, seconds: float) -> bool:
        """Whether all requests ended in time, and their answers were taken."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while self._liveness.in_flight or plane.in_flight:
            if loop.time() >= until:
                return False
            await asyncio.sleep(POLL_S)
        return True

    def _obey(self, message: Message) -> None:
        kind = message["is"]
        if kind == "rules":
            self._adopt(message["text"])
        elif kind == "report":
            self._channel.send({"is": "counts", "counts": self._counts(), "for": message["id"]})
        elif kind == "collected":
            answer = self._collections.get(message["id"])
            if answer is not None and not answer.done():
                answer.set_result(message["counts"])
        elif kind == "drain":
            self._drain.set()

    def _adopt(self, text: str) -> None:
        """The parent found this text good; if a file it names changed since, the old table stays."""
        try:
            table = self._load(text)
        except RulesError as error:
            get("worker").error("the routing file is bad after all; the old one stays", problems=str(error))
            return
        self._upstreams.adopt(table)
        self._table = table

    def _counts(self) -> Snapshot:
        self._observe(self._metrics)
        observe_process(self._metrics, self._index)
        return self._metrics.snapshot()
