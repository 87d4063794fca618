"""The commands, against a real admin API on loopback."""

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import typer
from aiohttp import web
from typer.testing import CliRunner, Result

from gateway.cli import budgets, keys, models, providers, requests, targets, teams, usage
from gateway.store.redis import connect
from tests.support.admin_api import ADMIN_KEY, ScriptedLedger, admin_app, admin_services, private_valkey


def headrace(*arguments: str, environment: dict[str, str]) -> Result:
    """Run a command in this process: a process of its own would spend nearly all its time on imports."""
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command("usage")(usage.usage)
    for noun in (keys, teams, budgets, requests, providers, models, targets):
        app.add_typer(noun.app)
    mine = {name: None for name in os.environ if name.startswith("HEADRACE_")}
    result = CliRunner().invoke(app, arguments, env=mine | environment)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@dataclass
class Running:
    """A gateway's admin API, and how the commands are told of it."""

    url: str
    ledger: ScriptedLedger
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, status: int = 0) -> Result:
        done = headrace(*arguments, environment=self.environment)
        assert done.exit_code == status, done.stdout + done.stderr
        assert "\x1b[" not in done.stdout
        return done


@contextmanager
def _serving(valkey_url: str) -> Iterator[tuple[str, ScriptedLedger]]:
    """The admin API in a thread with a loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> tuple[Any, Any, str, Any]:
        store = await connect(valkey_url)
        services = admin_services(store)
        runner = web.AppRunner(admin_app(services))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return store, runner, f"http://127.0.0.1:{runner.addresses[0][1]}", services.ledger

    async def stop() -> None:
        await runner.cleanup()
        await store.close()

    try:
        store, runner, url, ledger = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
        yield url, ledger
        asyncio.run_coroutine_threadsafe(stop(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture(scope="session")
def _running() -> Iterator[Running]:
    with private_valkey() as (valkey_url, _), _serving(valkey_url) as (url, ledger):
        yield Running(url, ledger)


@pytest.fixture
def running(_running: Running) -> Running:
    _running.environment = {"HEADRACE_URL": _running.url, "HEADRACE_ADMIN_KEY": ADMIN_KEY}
    _running.ledger.rows = []
    return _running
