"""Newer prices than the installed package has: fetched when an operator says so, checked, kept in the data dir.

The package says where its data is published (https://github.com/pydantic/genai-prices, `UpdatePrices`). Nothing is ever
fetched by the gateway itself: what it charges changes at a start, by a file that stands in its data dir.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from gateway.catalog.models import Catalogue, CatalogueError

KEPT = "catalogue.json"
"""Its name in the data dir."""
LARGEST = 64 << 20
WITHIN_S = 60.0
_LEAST_SHARE = 0.5
"""Of the package's own models: data with fewer is taken to be cut short."""
_SHOWN = 8


class Loaded(NamedTuple):
    """The catalogue to work with, and what the operator should know of it."""

    catalogue: Catalogue
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What was fetched."""

    version: str
    models: int
    new_models: int
    """Models that were not known before."""
    gone_models: int
    changed_prices: int
    """Of models that were known before."""
    kept_in: str


def load_kept(data_dir: Path, now: datetime) -> Loaded:
    """What was fetched last, else the package's own data. Raises CatalogueError when there is neither.

    A file that can't be used is told and left aside: the package's prices are known too, and every record says which
    ones it was made with.
    """
    packaged = Catalogue.load(now)
    notes: list[str] = []
    catalogue = packaged
    try:
        catalogue = _read(data_dir / KEPT, now) or packaged
    except CatalogueError as error:
        notes.append(f"{error} The prices of {packaged.version} are in force; `headrace models refresh` fetches anew.")
    return Loaded(catalogue, (*notes, *_told(list(catalogue.faults()))))


def published_at() -> str:
    """Where the package says that its data is."""
    from genai_prices.update_prices import DEFAULT_UPDATE_URL

    return str(DEFAULT_UPDATE_URL)


async def fetch(url: str) -> bytes:
    """The published data. Raises CatalogueError."""
    timeout = aiohttp.ClientTimeout(total=WITHIN_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
            session.get(url) as answer,
        ):
            answer.raise_for_status()
            data = bytearray()
            async for piece in answer.content.iter_chunked(1 << 16):
                data += piece
                if len(data) > LARGEST:
                    raise CatalogueError(f"{url} answers with more than {LARGEST >> 20} MiB: that is no price list.")
            return bytes(data)
    except aiohttp.ClientResponseError as error:
        raise CatalogueError(f"{url} answered {error.status}.") from error
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise CatalogueError(f"{url} can't be reached ({type(error).__name__}).") from error


def keep(data_dir: Path, data: bytes, url: str, now: datetime) -> Refreshed:
    """Check what was fetched, then put it in place of what was kept. Raises CatalogueError, having changed nothing."""
    before = load_kept(data_dir, now).catalogue
    raw = _parsed(data, url)
    version = f"genai-prices {_package()}+{now:%Y%m%d}.{hashlib.sha256(data).hexdigest()[:8]}"
    fresh = _catalogue(raw, version, now)
    faults = list(fresh.faults())
    if faults:
        raise CatalogueError(f"The data of {url} has rows that can't be read: {'; '.join(faults[:_SHOWN])}")
    old, new = _priced(before), _priced(fresh)
    least = len(_priced(Catalogue.load(now))) * _LEAST_SHARE
    if len(new) < least:
        raise CatalogueError(f"The data of {url} has {len(new)} models, and the package {least / _LEAST_SHARE:.0f}.")
    kept = {"package": _package(), "version": version, "url": url, "fetched_at": now.isoformat(), "providers": raw}
    _write(data_dir / KEPT, json.dumps(kept, ensure_ascii=False).encode())
    return Refreshed(
        version=version,
        models=len(new),
        new_models=len(new.keys() - old.keys()),
        gone_models=len(old.keys() - new.keys()),
        changed_prices=sum(new[name] != old[name] for name in new.keys() & old.keys()),
        kept_in=str(data_dir / KEPT),
    )


def _read(path: Path, now: datetime) -> Catalogue | None:
    try:
        kept = json.loads(path.read_bytes())
        package, version, raw = kept["package"], kept["version"], kept["providers"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CatalogueError(f"{path} can't be read ({type(error).__name__}).") from error
    if package != _package():
        raise CatalogueError(f"{path} was fetched for genai-prices {package}, and {_package()} is installed.")
    return _catalogue(raw, str(version), now)


def _catalogue(raw: Any, version: str, now: datetime) -> Catalogue:
    """Raises CatalogueError where the installed package does not understand the data."""
    try:
        from genai_prices.types import _providers_from_raw  # what its own UpdatePrices reads them with
    except ImportError as error:
        raise CatalogueError(f"genai-prices {_package()} reads no published data.") from error
    try:
        providers = _providers_from_raw(raw)
    except Exception as error:  # a validation error, or whatever a shape it does not expect makes it raise
        raise CatalogueError(
            f"genai-prices {_package()} can't read the data of {version}: {' '.join(str(error).split())[:300]}"
        ) from error
    return Catalogue.checked(providers, version, now)


def _parsed(data: bytes, url: str) -> Any:
    try:
        return json.loads(data)
    except ValueError as error:
        raise CatalogueError(f"{url} answers with something else than JSON.") from error


def _priced(catalogue: Catalogue) -> dict[tuple[str, str], Any]:
    """Every row's price, but for the version in it."""
    return dict(catalogue.rates())


def _package() -> str:
    import genai_prices

    return str(genai_prices.__version__)


def _told(faults: Sequence[str]) -> list[str]:
    more = [f"... and {len(faults) - _SHOWN} more"] if len(faults) > _SHOWN else []
    return [f"a price that can't be read is unknown: {fault}" for fault in (*faults[:_SHOWN], *more)]


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
