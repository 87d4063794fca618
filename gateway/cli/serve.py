"""`headrace serve`: read the settings, claim the data dir and the port, start the parent."""

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from gateway import log
from gateway.config import SettingsError, load_settings, require_startable


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
    log.configure(log.log_style(settings.log_format), settings.log_level)
    for warning in settings.warnings:
        log.get("settings").warning(warning)
    # Here, not above: the other commands should not wait for what only a gateway needs.
    from gateway import serving

    try:
        raise SystemExit(serving.run(settings, os.environ))
    except serving.REFUSALS as error:
        _stop(str(error))


def _stop(message: str) -> NoReturn:
    print(f"headrace: {message}", file=sys.stderr, flush=True)
    raise SystemExit(1)
