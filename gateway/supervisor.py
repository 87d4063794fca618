"""The parent: owns the listening sockets, the embedded Valkey and the workers; serves no request itself.

One synchronous loop over sockets and signals, so that forking is safe. Each worker slot keeps its SO_REUSEPORT socket
for as long as the parent lives: a replacement inherits it, and connections that wait in its queue with it.
"""

import os
import selectors
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from gateway import __version__
from gateway.channel import Message, MessageBuffer, encode
from gateway.metrics import Metrics, Snapshot, counters_only, merge
from gateway.rules_file import RulesFile

TICK_S = 1.0
COLLECT_S = 0.5
STEADY_S = 5.0
"""A worker that lived this long was no false start; one that did not is replaced with a growing pause."""
LONGEST_PAUSE_S = 5.0
GRACE_S = 10.0
"""After the drain's own timeout, what a worker gets for settling before it is killed."""


class Keeper(Protocol):
    """A server that the parent keeps running: the embedded Valkey."""

    def alive(self) -> bool:
        """Whether its process runs."""

    def restart(self) -> None:
        """Start it again on the same data."""


@dataclass(slots=True)
class WorkerSlot:
    """One worker's place: its socket stays, the process in it changes."""

    index: int
    listener: socket.socket
    pid: int | None = None
    channel: socket.socket | None = None
    inbox: MessageBuffer = field(default_factory=MessageBuffer)
    outbox: bytearray = field(default_factory=bytearray)
    counts: Snapshot = field(default_factory=dict)
    started_at: float = 0.0
    false_starts: int = 0
    start_at: float | None = None
    """When a dead worker is due to be replaced."""
    ready: bool = False


@dataclass(slots=True)
class Collection:
    """One scrape under way: who asked, and whose counts are still awaited."""

    asked_by: int
    id: int
    waiting: set[int]
    until: float


class Supervisor:
    """Runs until it is told to stop and every worker has ended. `work` is a worker's whole life, in the child."""

    def __init__(
        self,
        listeners: list[socket.socket],
        work: Callable[[int, socket.socket, socket.socket, str], None],
        rules: RulesFile,
        keeper: Keeper | None,
        stop_within_s: float,
        log: structlog.typing.FilteringBoundLogger,
        on_ready: Callable[[], None],
    ) -> None:
        self._slots = [WorkerSlot(index, listener) for index, listener in enumerate(listeners)]
        self._work = work
        self._rules = rules
        self._keeper = keeper
        self._stop_within_s = stop_within_s
        self._log = log
        self._on_ready = on_ready
        self._announced = False
        self._selector = selectors.DefaultSelector()
        self._collections: list[Collection] = []
        self._retired: Snapshot = {}
        self._own = Metrics()
        self._stop_at: float | None = None
        self._signals: list[int] = []
        self._next_tick = 0.0

    def run(self) -> int:
        """Until stopped; the exit status."""
        wake = self._listen_to_signals()
        self._own.build_info.set((__version__,), 1)
        self._rules.observe(self._own)
        for slot in self._slots:
            self._start(slot)
        while self._stop_at is None or any(slot.pid for slot in self._slots):
            self._wait(wake)
            self._obey_signals()
            self._reap()
            self._answer_collections()
            if time.monotonic() >= self._next_tick:
                self._tick()
        return 0

    def _listen_to_signals(self) -> socket.socket:
        ours, pythons = socket.socketpair()
        ours.setblocking(False)
        pythons.setblocking(False)
        signal.set_wakeup_fd(pythons.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)
        self._selector.register(ours, selectors.EVENT_READ, None)
        self._pythons = pythons  # kept open: Python writes signal numbers into it
        return ours

    def _start(self, slot: WorkerSlot) -> None:
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            self._become_worker(slot, ours, theirs)
        theirs.close()
        ours.setblocking(False)
        slot.pid, slot.channel, slot.inbox, slot.outbox = pid, ours, MessageBuffer(), bytearray()
        slot.started_at, slot.start_at, slot.ready, slot.counts = time.monotonic(), None, False, {}
        self._selector.register(ours, selectors.EVENT_READ, slot)

    def _become_worker(self, slot: WorkerSlot, ours: socket.socket, theirs: socket.socket) -> None:
        """In the child: drop all that is the parent's, live a worker's life, and never return."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            # A signal to the whole process group (Ctrl-C, a service manager) is the parent's to answer.
            for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            ours.close()
            for other in self._slots:
                if other.channel is not None:
                    other.channel.close()
                if other is not slot:
                    other.listener.close()
            self._selector.close()
            self._work(slot.index, slot.listener, theirs, self._rules.text)
            status = 0
        except BaseException:  # noqa: BLE001  nothing may return into the parent's code
            self._log.exception("a worker failed", worker=slot.index)
        finally:
            os._exit(status)

    def _wait(self, wake: socket.socket) -> None:
        until = min([self._next_tick, *(collection.until for collection in self._collections)])
        for key, events in self._selector.select(max(until - time.monotonic(), 0.0)):
            if key.fileobj is wake:
                self._signals.extend(wake.recv(4096))
                continue
            slot: WorkerSlot = key.data
            if events & selectors.EVENT_WRITE:
                self._flush(slot)
            if events & selectors.EVENT_READ:
                self._hear(slot)

    def _hear(self, slot: WorkerSlot) -> None:
        if slot.channel is None:
            return
        try:
            data = slot.channel.recv(1 << 16)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        if not data:
            self._close_channel(slot)
            return
        for message in slot.inbox.feed(data):
            self._obey(slot, message)

    def _obey(self, slot: WorkerSlot, message: Message) -> None:
        kind = message["is"]
        if kind == "counts":
            slot.counts = message["counts"]
            for collection in self._collections:
                if message.get("for") == collection.id:
                    collection.waiting.discard(slot.index)
        elif kind == "collect":
            others = {other.index for other in self._slots if other.channel is not None}
            collection = Collection(slot.index, message["id"], others, time.monotonic() + COLLECT_S)
            self._collections.append(collection)
            self._tell_all({"is": "report", "id": collection.id})
        elif kind == "ready":
            slot.ready = True
            if not self._announced and all(other.ready for other in self._slots):
                self._announced = True
                self._on_ready()

    def _answer_collections(self) -> None:
        now = time.monotonic()
        for collection in [c for c in self._collections if not c.waiting or now >= c.until]:
            self._collections.remove(collection)
            total = merge([self._retired, self._own.snapshot(), *(slot.counts for slot in self._slots)])
            asker = self._slots[collection.asked_by]
            self._tell(asker, {"is": "collected", "id": collection.id, "counts": total.snapshot()})

    def _tell_all(self, message: Message) -> None:
        for slot in self._slots:
            self._tell(slot, message)

    def _tell(self, slot: WorkerSlot, message: Message) -> None:
        if slot.channel is not None:
            slot.outbox += encode(message)
            self._flush(slot)

    def _flush(self, slot: WorkerSlot) -> None:
        """Write what the worker's socket takes; the rest when it takes more. A stopped worker holds up nobody."""
        if slot.channel is None:
            return
        try:
            with suppress(BlockingIOError):  # the selector says when there is room
                del slot.outbox[: slot.channel.send(slot.outbox)]
        except ConnectionError:
            self._close_channel(slot)
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if slot.outbox else 0)
        self._selector.modify(slot.channel, events, slot)

    def _close_channel(self, slot: WorkerSlot) -> None:
        if slot.channel is not None:
            self._selector.unregister(slot.channel)
            slot.channel.close()
            slot.channel = None
        for collection in self._collections:
            collection.waiting.discard(slot.index)

    def _obey_signals(self) -> None:
        signals, self._signals = self._signals, []
        for number in signals:
            if number == signal.SIGHUP:
                self._reload(asked=True)
            elif number == signal.SIGTERM or (number == signal.SIGINT and self._stop_at is None):
                self._drain()
            elif number == signal.SIGINT:
                self._log.warning("stopping at once")
                self._kill_all()

    def _drain(self) -> None:
        if self._stop_at is None:
            self._log.info("draining", within_s=self._stop_within_s)
            self._stop_at = time.monotonic() + self._stop_within_s + GRACE_S
            self._tell_all({"is": "drain"})

    def _kill_all(self) -> None:
        for slot in self._slots:
            if slot.pid is not None:
                os.kill(slot.pid, signal.SIGKILL)

    def _reap(self) -> None:
        for slot in self._slots:
            if slot.pid is None:
                continue
            pid, status = os.waitpid(slot.pid, os.WNOHANG)
            if pid == 0:
                continue
            while slot.channel is not None:
                self._hear(slot)  # its last words
            slot.pid = None
            self._retired = merge([self._retired, counters_only(slot.counts)]).snapshot()
            slot.counts = {}
            if self._stop_at is None:
                self._plan_replacement(slot, status)

    def _plan_replacement(self, slot: WorkerSlot, status: int) -> None:
        now = time.monotonic()
        slot.false_starts = 0 if now - slot.started_at > STEADY_S else slot.false_starts + 1
        pause_s = 0.0 if slot.false_starts <= 1 else min(0.1 * 2.0**slot.false_starts, LONGEST_PAUSE_S)
        slot.start_at = now + pause_s
        self._own.worker_restarts.add()
        self._log.error(
            "a worker died and is replaced",
            worker=slot.index,
            status=os.waitstatus_to_exitcode(status),
            pause_s=pause_s,
        )
        self._start_due()

    def _start_due(self) -> None:
        for slot in self._slots:
            if slot.start_at is not None and time.monotonic() >= slot.start_at and self._stop_at is None:
                self._start(slot)

    def _tick(self) -> None:
        self._next_tick = time.monotonic() + TICK_S
        if self._stop_at is not None:
            if time.monotonic() > self._stop_at:
                self._log.error("workers did not end in time and are killed")
                self._kill_all()
            return
        self._start_due()
        self._reload(asked=False)
        if self._keeper is not None and not self._keeper.alive():
            self._log.error("the embedded Valkey died and is restarted")
            self._keeper.restart()

    def _reload(self, *, asked: bool) -> None:
        if self._rules.reload(force=asked):
            self._tell_all({"is": "rules", "text": self._rules.text})
        self._rules.observe(self._own)
