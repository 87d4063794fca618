"""Newer prices: fetched when told to, checked, kept, and in force at the next start."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import genai_prices
import pytest

from gateway.catalog import refresh
from gateway.catalog.models import Catalogue, CatalogueError
from gateway.catalog.refresh import KEPT, fetch, keep, load_kept
from tests.cli.conftest import headrace

NOW = datetime(2026, 6, 1, tzinfo=UTC)
URL = "https://prices.example/data.json"


def published(input_mtok: Any = 0.2, *, models: int = 1) -> list[dict[str, Any]]:
    """Data as the project publishes it."""
    rows = [
        {
            "id": "gpt-new" if number == 0 else f"gpt-new-{number}",
            "match": {"equals": "gpt-new" if number == 0 else f"gpt-new-{number}"},
            "context_window": 77_000,
            "prices": {"input_mtok": input_mtok, "output_mtok": 1.5},
        }
        for number in range(models)
    ]
    return [{"id": "openai", "name": "OpenAI", "api_pattern": "api.openai.com", "models": rows}]


@pytest.fixture
def no_least(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that data of a few models is not taken to be cut short."""
    monkeypatch.setattr(refresh, "_LEAST_SHARE", 0.0)


def test_without_a_refresh_the_packages_data_is_in_force(tmp_path: Path) -> None:
    catalogue, notes = load_kept(tmp_path, NOW)
    assert (catalogue.version, notes) == (f"genai-prices {genai_prices.__version__}", ())


@pytest.mark.usefixtures("no_least")
def test_what_was_fetched_is_in_force_at_the_next_start_under_its_own_version(tmp_path: Path) -> None:
    done = keep(tmp_path, json.dumps(published()).encode(), URL, NOW)
    assert (done.models, done.new_models) == (1, 1)
    assert done.gone_models > 100
    catalogue, notes = load_kept(tmp_path, NOW)
    assert notes == ()
    price = catalogue.price("openai", "gpt-new")
    assert price is not None
    assert (price.input, price.version) == (200_000_000, done.version)
    assert f"{genai_prices.__version__}+20260601." in done.version
    assert catalogue.context_window("openai", "gpt-new") == 77_000
    again = keep(tmp_path, json.dumps(published(0.3)).encode(), URL, NOW)
    assert (again.changed_prices, again.new_models, again.gone_models) == (1, 0, 0)
    assert again.version != done.version


@pytest.mark.usefixtures("no_least")
@pytest.mark.parametrize(
    "data",
    [
        b"<html>",
        b"{}",
        b"[]",
        b'[{"id": "openai"}]',
        json.dumps(published("free")).encode(),
        json.dumps(published(-1)).encode(),
    ],
)
def test_data_that_can_t_be_read_changes_nothing(tmp_path: Path, data: bytes) -> None:
    keep(tmp_path, json.dumps(published()).encode(), URL, NOW)
    before = (tmp_path / KEPT).read_bytes()
    with pytest.raises(CatalogueError):
        keep(tmp_path, data, URL, NOW)
    assert (tmp_path / KEPT).read_bytes() == before


def test_data_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="has 3 models"):
        keep(tmp_path, json.dumps(published(models=3)).encode(), URL, NOW)
    assert not (tmp_path / KEPT).exists()


@pytest.mark.parametrize("kept", [b"{", b"{}", b'{"package": "0.0.1", "version": "x", "providers": []}'])
def test_a_kept_file_that_can_t_be_used_is_told_and_left_aside(tmp_path: Path, kept: bytes) -> None:
    (tmp_path / KEPT).write_bytes(kept)
    catalogue, [note] = load_kept(tmp_path, NOW)
    assert catalogue.version == f"genai-prices {genai_prices.__version__}"
    assert "headrace models refresh" in note


@contextmanager
def site(status: int, body: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/data.json"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_it_is_fetched_over_http() -> None:
    with site(200, b"[1]") as url:
        assert asyncio.run(fetch(url)) == b"[1]"
    with site(404, b"") as url, pytest.raises(CatalogueError, match="answered 404"):
        asyncio.run(fetch(url))
    with pytest.raises(CatalogueError, match="can't be reached"):
        asyncio.run(fetch("http://127.0.0.1:1/data.json"))


def test_more_than_any_price_list_has_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refresh, "LARGEST", 1000)
    with site(200, b"x" * 5000) as url, pytest.raises(CatalogueError, match="no price list"):
        asyncio.run(fetch(url))


def test_the_package_says_where_its_data_is() -> None:
    assert refresh.published_at().startswith("https://")


def test_every_row_of_the_installed_package_can_be_read() -> None:
    assert list(Catalogue.load(NOW).faults()) == []


@pytest.mark.usefixtures("no_least")
def test_the_command_fetches_and_keeps(tmp_path: Path) -> None:
    with site(200, json.dumps(published()).encode()) as url:
        environment = {"HEADRACE_DATA_DIR": str(tmp_path)}
        done = headrace("models", "refresh", "--url", url, "--json", environment=environment)
    assert done.exit_code == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["models"], said["takes_effect"]) == (1, "at the next start")
    assert load_kept(tmp_path, NOW).catalogue.version == said["version"]
    failed = headrace("models", "refresh", "--url", "http://127.0.0.1:1/x", environment=environment)
    assert (failed.exit_code, "can't be reached" in failed.stderr) == (1, True)
