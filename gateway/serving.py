"""A gateway's start and end: claim the data dir and the port, start the store, make the first keys, run the parent."""

import asyncio
import gc
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import orjson
from pydantic import SecretStr

from gateway import log
from gateway.app import WorkerPlan, live
from gateway.auth.admin_key import AdminKey, load_admin_key
from gateway.auth.key_store import KeyStore
from gateway.catalog.models import Catalogue, CatalogueError
from gateway.catalog.refresh import load_kept
from gateway.config import Settings
from gateway.data_dir import DataDir, DataDirTakenError
from gateway.listen import PortTakenError, open_listeners
from gateway.routing.problems import RulesError
from gateway.rules_file import Loader, RulesFile
from gateway.store.embedded import EmbeddedValkey, EmbeddedValkeyError
from gateway.store.redis import StoreUnavailable, connect
from gateway.supervisor import Supervisor


class RulesUnreadableError(Exception):
    """There is no routing file to start with; the message is one line for the operator."""


REFUSALS = (
    RulesUnreadableError,
    DataDirTakenError,
    PortTakenError,
    EmbeddedValkeyError,
    StoreUnavailable,
    RulesError,
    CatalogueError,
    OSError,
)
"""What stops a start; each says why in words for the operator."""


def run(settings: Settings, environment: Mapping[str, str]) -> int:
    """Serve until told to stop; the exit status. Raises one of REFUSALS."""
    with ExitStack() as stack:
        data_dir = DataDir.claim(settings.data_dir)
        stack.callback(data_dir.release)
        listeners = open_listeners(settings.host, settings.port, settings.workers)
        for listener in listeners:
            stack.callback(listener.close)
        rules = _open_rules(settings, environment)
        admin_key = load_admin_key(settings.data_dir, _revealed(settings.admin_key))
        store_url, keeper = _open_store(settings)
        if keeper is not None:
            stack.callback(keeper.stop)
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
            on_ready=lambda: _greet(url, admin_key, first_key, settings.data_dir, rules),
        )
        gc.collect()
        gc.freeze()
        return supervisor.run()


def _open_rules(settings: Settings, environment: Mapping[str, str]) -> RulesFile:
    loader = Loader(settings.rules, environment, _open_catalogue(settings.data_dir))
    try:
        return RulesFile(Path(settings.rules), loader, settings.data_dir, log.get("rules"))
    except (OSError, UnicodeDecodeError) as error:
        raise RulesUnreadableError(f"HEADRACE_RULES {settings.rules!r} can't be read: {error}") from error


def _open_catalogue(data_dir: Path) -> Catalogue:
    catalogue, notes = load_kept(data_dir, datetime.now(UTC))
    for note in notes:
        log.get("catalogue").warning("price catalogue: " + note)
    return catalogue


def _open_store(settings: Settings) -> tuple[str, EmbeddedValkey | None]:
    shared = _revealed(settings.redis_url)
    if shared is not None:
        return shared, None
    keeper = EmbeddedValkey()
    return keeper.start(settings.data_dir), keeper


def _revealed(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


async def _first_key(store_url: str, *, make: bool) -> str | None:
    """Ask the store for a sign of life; on the very first start of an embedded one, make a first API key."""
    store = await connect(store_url)
    try:
        return await KeyStore(store, time.time).create_first() if make else None
    finally:
        await store.close()


def _greet(url: str, admin_key: AdminKey, first_key: str | None, data_dir: Path, rules: RulesFile) -> None:
    """What a person who typed `make serve` needs next, on standard output; secrets only when they were just made."""
    models = [str(model["id"]) for model in rules.table.listed()]
    body = orjson.dumps(
        {"model": models[0] if models else "MODEL", "messages": [{"role": "user", "content": "Hello!"}]}
    ).decode()
    lines = ["", "Headrace is ready.", "", f"  base URL   {url}/v1"]
    if admin_key.made:
        lines.append(f"  admin key  {admin_key.secret}   (kept in {data_dir}/admin_key)")
    if first_key is not None:
        lines.append(f"  API key    {first_key}   (shown this once)")
    lines += [
        "",
        f'  curl {url}/v1/chat/completions -H "Authorization: Bearer {first_key or "$HEADRACE_API_KEY"}" \\',
        f"    -H 'Content-Type: application/json' -d '{body}'",
        "",
    ]
    if first_key is None:
        lines += ["  (a new key: headrace keys create --name NAME)", ""]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _reachable(host: str) -> str:
    """An address that a client on this machine can use."""
    if host in ("0.0.0.0", "", "::"):  # noqa: S104  compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
