"""`headrace serve`: read the settings, claim the data dir and the port, start the parent."""

import asyncio
import gc
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import orjson
import typer

from gateway import log
from gateway.app import WorkerPlan, live
from gateway.auth.admin_key import AdminKey, load_admin_key
from gateway.auth.key_store import KeyStore
from gateway.catalog.models import Catalogue
from gateway.config import Settings, SettingsError, load_settings, require_startable
from gateway.data_dir import DataDir, DataDirTakenError
from gateway.listen import PortTakenError, open_listeners
from gateway.routing.problems import RulesError
from gateway.rules_file import Loader, RulesFile
from gateway.store.embedded import EmbeddedValkey, EmbeddedValkeyError
from gateway.store.redis import StoreUnavailable, connect
from gateway.supervisor import Supervisor


def serve(
    host: Annotated[str | None, typer.Option(help="Address that applications reach.")] = None,
    port: Annotated[int | None, typer.Option(help="Port that applications reach.")] = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes.")] = None,
    redis_url: Annotated[str | None, typer.Option(help="A shared Redis; unset: an embedded Valkey.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Journal, embedded Valkey, admin key.")] = None,
    rules: Annotated[str | None, typer.Option(help="The routing file.")] = None,
    log_format: Annotated[str | None, typer.Option(help="console or json.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
) -> None:
    """Start the gateway. Every other setting comes from the environment: docs/configuration.md lists them."""
    flags = {
        "host": host,
        "port": port,
        "workers": workers,
        "redis_url": redis_url,
        "data_dir": data_dir,
        "rules": rules,
        "log_format": log_format,
        "log_level": log_level,
    }
    try:
        settings = load_settings(os.environ, flags)
        require_startable(settings)
    except SettingsError as error:
        _stop(str(error))
    log.configure(settings.log_format or ("console" if sys.stderr.isatty() else "json"), settings.log_level)
    for warning in settings.warnings:
        log.get("settings").warning(warning)
    try:
        raise SystemExit(_run(settings))
    except (DataDirTakenError, PortTakenError, EmbeddedValkeyError, StoreUnavailable, RulesError, OSError) as error:
        _stop(str(error))


def _run(settings: Settings) -> int:
    data_dir = DataDir.claim(settings.data_dir)
    listeners = open_listeners(settings.host, settings.port, settings.workers)
    rules = _open_rules(settings)
    admin_key = load_admin_key(
        settings.data_dir, settings.admin_key.get_secret_value() if settings.admin_key is not None else None
    )
    keeper = EmbeddedValkey() if settings.redis_url is None else None
    store_url = (
        keeper.start(settings.data_dir) if keeper else str(settings.redis_url and settings.redis_url.get_secret_value())
    )
    try:
        first_key = asyncio.run(_first_key(store_url, make=keeper is not None))
        url = f"http://{_reachable(settings.host)}:{settings.port}"
        data_dir.announce(url)
        plan = WorkerPlan(settings, store_url, "embedded" if keeper else "shared", admin_key.hash, rules.loader)
        supervisor = Supervisor(
            listeners,
            lambda index, listener, channel, text: live(plan, index, listener, channel, text),
            rules,
            keeper,
            settings.drain_delay + settings.drain_timeout,
            log.get("parent"),
            on_ready=lambda: _greet(url, admin_key, first_key, settings, rules),
        )
        gc.collect()
        gc.freeze()
        return supervisor.run()
    finally:
        if keeper:
            keeper.stop()
        data_dir.release()


def _open_rules(settings: Settings) -> RulesFile:
    catalogue = Catalogue.load(datetime.now(UTC))
    loader = Loader(settings.rules, dict(os.environ), catalogue)
    rules = RulesFile(Path(settings.rules), loader, settings.data_dir, log.get("rules"))
    rules.open()
    return rules


async def _first_key(store_url: str, *, make: bool) -> str | None:
    """Ask the store for a sign of life; on the very first start of an embedded one, make a first API key."""
    store = await connect(store_url)
    try:
        return await KeyStore(store, time.time).create_first() if make else None
    finally:
        await store.close()


def _greet(url: str, admin_key: AdminKey, first_key: str | None, settings: Settings, rules: RulesFile) -> None:
    """What a person who typed `make serve` needs next, on standard output; secrets only when they were just made."""
    models = [str(model["id"]) for model in rules.table.listed()]
    model = models[0] if models else "MODEL"
    say: Callable[[str], None] = lambda line: print(line, flush=True)  # noqa: E731
    say(f"\nHeadrace is ready.\n\n  base URL   {url}/v1")
    if admin_key.made:
        say(f"  admin key  {admin_key.secret}   (kept in {settings.data_dir}/admin_key)")
    if first_key is not None:
        say(f"  API key    {first_key}   (shown this once)")
    body = orjson.dumps({"model": model, "messages": [{"role": "user", "content": "Hello!"}]}).decode()
    key = first_key or "$HEADRACE_API_KEY"
    say(f'\n  curl {url}/v1/chat/completions -H "Authorization: Bearer {key}" \\')
    say(f"    -H 'Content-Type: application/json' -d '{body}'\n")
    if first_key is None:
        say("  (a new key: headrace keys create --name NAME)\n")


def _reachable(host: str) -> str:
    """An address that a client on this machine can use."""
    if host in ("0.0.0.0", "", "::"):  # noqa: S104  compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _stop(message: str) -> NoReturn:
    print(f"headrace: {message}", file=sys.stderr, flush=True)
    raise SystemExit(1)
