"""headrace models: what applications may ask for, and what is known of prices."""

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from gateway.cli.client import CommandFailed, connect, path_of, reported
from gateway.cli.output import AsJson, show_record, show_rows
from gateway.config import load_settings

app = typer.Typer(name="models", help="The models that applications may ask for.", no_args_is_help=True)

COLUMNS = ("name", "aliases", "policy", "targets", "context_window")


@app.callback()
def models() -> None:
    """The models that applications may ask for."""


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List models with their aliases and targets."""
    with reported():
        show_rows(connect().get(path_of("models"))["data"], COLUMNS, as_json=as_json)


@app.command()
def refresh(
    url: Annotated[str | None, typer.Option(help="Where the data is. The default is what genai-prices names.")] = None,
    as_json: AsJson = False,
) -> None:
    """Fetch newer prices and context windows, and keep them in the data dir (HEADRACE_DATA_DIR) of this machine.

    They are checked first, and take effect when the gateway is started the next time. Without this command nothing is
    ever fetched; what the routing file says of a price goes before all of it.
    """
    # Here, not above: the package with the prices takes long to import.
    from gateway.catalog.models import CatalogueError
    from gateway.catalog.refresh import fetch, keep, published_at

    with reported():
        data_dir = load_settings().data_dir
        try:
            source = url or published_at()
            done = keep(data_dir, asyncio.run(fetch(source)), source, datetime.now(UTC))
        except CatalogueError as error:
            raise CommandFailed(str(error)) from error
        except OSError as error:
            raise CommandFailed(f"{data_dir} can't be written: {error.strerror}.") from error
        show_record(asdict(done) | {"takes_effect": "at the next start"}, as_json=as_json)
