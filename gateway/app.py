"""The composition root: a worker's whole life. Opens store, meter and upstreams, serves, drains, closes.

Alone in knowing everybody; what it opens it closes in the opposite order, however the worker ends.
"""

import asyncio
import gc
import hashlib
import socket
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Any, cast

import uvloop
from aiohttp import web

from gateway.access_log import AccessLog, ConsoleAccessLog, quiet
from gateway.admin.routes import admin_routes
from gateway.admin.services import AdminServices
from gateway.auth.key_cache import KeyCache
from gateway.auth.key_store import KeyStore
from gateway.budget_metrics import observe_budgets
from gateway.channel import WorkerChannel
from gateway.config import Settings
from gateway.conversations import Conversations
from gateway.dispatch.attempt import Equipment
from gateway.health_metrics import observe_health
from gateway.http.dataplane.server import DataPlaneServer
from gateway.http.explain import explaining_routes
from gateway.http.headers import RequestIds
from gateway.http.middlewares import Rim
from gateway.http.protocol import StrictRunner, StrictServer
from gateway.http.routes import application_routes, operator_routes
from gateway.http.state import STATE, HttpState, Liveness
from gateway.limits.admission import Admission
from gateway.limits.allowance_store import AllowanceStore, Money
from gateway.limits.lease import Teller
from gateway.limits.upkeep import Upkeep, close_leases
from gateway.log import get, log_style
from gateway.metering.ledger import Ledger
from gateway.metering.meter import Meter
from gateway.metrics import Metrics
from gateway.pipeline import Pipeline
from gateway.rules_file import Loader
from gateway.stats.book import Book
from gateway.stats.circuit import State
from gateway.stats.health import Health
from gateway.stats.sharing import Sharing
from gateway.store.redis import Store, StoreUnavailable, connect
from gateway.translators import adapters, dialects
from gateway.upstreams import Upstreams
from gateway.worker import Worker

# Collections of the young generation come rarely: a request leaves no cycles. docs/benchmarks.md has the measurement.
GC_THRESHOLDS = (50_000, 20, 100)
STORE_WITHIN_S = 30.0
STORE_TRY_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """What a worker is started with; made in the parent, inherited by the fork."""

    settings: Settings
    store_url: str = field(repr=False)
    store_about: str
    admin_key_hash: str = field(repr=False)
    loader: Loader


def live(plan: WorkerPlan, index: int, listener: socket.socket, parent: socket.socket, text: str) -> None:
    """Serve until told to drain, or until the parent is gone. Called in the forked child."""
    gc.set_threshold(*GC_THRESHOLDS)
    uvloop.run(_live(plan, index, listener, parent, text))


async def _live(plan: WorkerPlan, index: int, listener: socket.socket, parent: socket.socket, text: str) -> None:
    async with AsyncExitStack() as stack:
        channel = await WorkerChannel.open(parent)
        stack.push_async_callback(channel.close)
        store = await _store(plan.store_url)
        stack.push_async_callback(store.close)
        meter = await Meter.open(plan.settings.data_dir / "journal", store, close_leases=close_leases)
        stack.push_async_callback(meter.close)
        upstreams = Upstreams()
        stack.push_async_callback(upstreams.close)
        worker, app, upkeep = _compose(plan, index, text, channel, store, meter, upstreams, stack)
        await upkeep.reload()
        runner = StrictRunner(app)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        plane = DataPlaneServer(app[STATE], dialects(), cast("StrictServer", runner.server))
        stack.push_async_callback(plane.close)
        await plane.start(listener)
        channel.send({"is": "ready"})
        await worker.until_drained(plane, plan.settings.drain_delay, plan.settings.drain_timeout)


def _compose(
    plan: WorkerPlan,
    index: int,
    text: str,
    channel: WorkerChannel,
    store: Store,
    meter: Meter,
    upstreams: Upstreams,
    stack: AsyncExitStack,
) -> tuple[Worker, web.Application, Upkeep]:
    """Put the rooms together and start the tasks that run beside requests."""
    settings, metrics, liveness = plan.settings, Metrics(), Liveness()
    health = Health(time.monotonic, _circuit_changed)
    book = Book(time.monotonic)
    admission = Admission(
        Teller(store, meter.journal_id), lambda: worker.table().zone, on_outage=settings.on_store_outage
    )
    allowances = AllowanceStore(store)
    upkeep = Upkeep(admission, store, allowances.all)
    loop, clock = asyncio.get_running_loop(), time.monotonic
    equipment = Equipment(loop, clock, meter, metrics, adapters(), upstreams, health, book, admission=admission)

    def observe(into: Metrics) -> None:
        observe_health(into, health, worker.table())
        observe_budgets(into, admission)
        into.store_up.set((), int(store.up))
        into.journal_pending.set((), meter.pending_records)
        into.journal_oldest.set((), meter.oldest_pending_seconds)

    worker = Worker(index, channel, plan.loader, plan.loader(text), upstreams, equipment, liveness, observe)
    key_store = KeyStore(store, time.time)
    keys = KeyCache(key_store, store, on_outage=settings.on_store_outage)
    state = _http_state(plan, worker, equipment, keys, store, liveness)
    services = AdminServices(
        keys=key_store,
        allowances=allowances,
        money=Money(store),
        ledger=Ledger(store),
        rules=worker.table,
        check_rules=plan.loader,
        rules_path=settings.rules,
        pipeline=state.pipeline,
        admin_key_hash=plan.admin_key_hash,
        clock=time.time,
    )
    stack.push_async_callback(upkeep.close)
    for name, duty in (
        ("keys", keys.run()),
        ("leases", upkeep.run()),
        ("parent", worker.listen()),
        ("report", worker.report()),
        ("statistics", Sharing(book, store, time.time).run()),
    ):
        stack.push_async_callback(_end, asyncio.create_task(_told(duty), name=name))
    return worker, _application(state, services), upkeep


def _http_state(
    plan: WorkerPlan, worker: Worker, equipment: Equipment, keys: KeyCache, store: Store, liveness: Liveness
) -> HttpState:
    settings = plan.settings
    return HttpState(
        pipeline=Pipeline(worker.table, equipment, _access_log(settings), Conversations(store, settings.responses_ttl)),
        keys=keys,
        table=worker.table,
        metrics=equipment.metrics,
        collect=worker.collect,
        store_up=lambda: store.up,
        store_about=plan.store_about,
        on_store_outage=settings.on_store_outage,
        liveness=liveness,
        body_limit=settings.max_body_mb << 20,
        cors_origins=settings.cors_origins,
        metrics_key_hash=_hash(settings.metrics_key.get_secret_value() if settings.metrics_key is not None else None),
    )


def _application(state: HttpState, services: AdminServices) -> web.Application:
    ids = RequestIds()
    routes = [
        *application_routes(dialects()),
        *explaining_routes(dialects(), services.admin_key_hash),
        *operator_routes(),
        *admin_routes(services),
    ]
    app = web.Application(middlewares=[Rim(ids, sorted({route.path for route in routes})).around], client_max_size=0)
    app[STATE] = state
    app.add_routes(routes)
    return app


def _circuit_changed(name: str, state: State) -> None:
    get("health").warning("a circuit changed", of=name, state=str(state))


def _access_log(settings: Settings) -> Callable[[Mapping[str, Any]], None]:
    if settings.log_level not in ("debug", "info"):
        return quiet
    if log_style(settings.log_format) == "console":
        return ConsoleAccessLog(get("request"))
    return AccessLog(asyncio.get_running_loop(), sys.stderr.buffer)


async def _store(url: str) -> Store:
    """Redis may be on its way up, like us."""
    deadline = time.monotonic() + STORE_WITHIN_S
    while True:
        try:
            return await connect(url)
        except StoreUnavailable:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(STORE_TRY_EVERY_S)


async def _told(duty: Coroutine[Any, Any, None]) -> None:
    """A duty that fails says so: nobody else awaits it before the end."""
    try:
        await duty
    except Exception:  # noqa: BLE001  the rim of a background task
        get("worker").exception("a duty of this worker failed")


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _hash(secret: str | None) -> str | None:
    return None if secret is None else hashlib.sha256(secret.encode()).hexdigest()
