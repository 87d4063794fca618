"""What the `rules` commands share: a routing file, loaded as the gateway would load it, or the end with every fault."""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from gateway.routing.table import RoutingTable


def loaded(file: Path, *, as_json: bool = False, environment: Mapping[str, str] | None = None) -> "RoutingTable":
    """The table that it makes, by the price catalogue and this environment (with these variables in it, if any).

    Ends with status 1 where it makes none.
    """
    # Here, not above: the other commands should not wait for the routing room's imports.
    from gateway.catalog.models import Catalogue
    from gateway.routing.problems import RulesError
    from gateway.routing.table import load

    try:
        return load(
            file.read_text(encoding="utf-8"),
            path=str(file),
            environment={**os.environ, **(environment or {})},
            read_file=lambda name: Path(name).read_text(encoding="utf-8"),
            catalogue=Catalogue.load(datetime.now(UTC)),
        )
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        message = f"can't be read: {reason}"
        refuse([{"file": str(file), "message": message}], f"{file}: {message}", as_json=as_json)
    except RulesError as error:
        refuse([_plain(problem) for problem in error.problems], str(error), as_json=as_json)
    raise AssertionError("refuse ends the command")


def refuse(problems: list[dict[str, Any]], text: str, *, as_json: bool = False) -> None:
    """Tell what is wrong, and end with status 1."""
    if as_json:
        typer.echo(json.dumps({"ok": False, "problems": problems}, indent=2))
    else:
        typer.echo(text, err=True)
    raise typer.Exit(1)


def read_data(file: Path) -> Any:
    """A YAML or JSON file as data; ends with status 1 where it is none."""
    import yaml

    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        refuse([], f"{file}: can't be read: {error.strerror}")
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        refuse([], f"{file}: this is neither YAML nor JSON: {' '.join(str(error).split())[:200]}")


def _plain(problem: Any) -> dict[str, Any]:
    mark = problem.mark
    return {
        "file": mark.file,
        "line": mark.line,
        "column": mark.column,
        "where": problem.where,
        "message": problem.message,
    }
