"""A name that nobody knows, and the nearest `provider/model` that somebody serves."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.catalog.models import Catalogue
from gateway.errors import NotFound
from gateway.routing.table import RoutingTable, load

RULES = """
version: 1
providers:
  openai: {}
  anthropic: {}
models:
  small: {targets: [{provider: openai, model: gpt-5-mini}]}
"""


@pytest.fixture(scope="module")
def table() -> RoutingTable:
    """With a key for one of the two providers."""
    return load(
        RULES,
        path="rules.yaml",
        environment={"OPENAI_API_KEY": "sk-made-up"},
        read_file=lambda name: Path(name).read_text(),
        catalogue=Catalogue.load(datetime(2026, 6, 1, tzinfo=UTC)),
    )


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("smal", "Did you mean 'small'?"),
        ("gpt-4o-mini", "Did you mean 'openai/gpt-4o-mini'?"),
        ("opnai/gpt-4o", "Did you mean 'openai/gpt-4o'?"),
        ("claude-sonnet-4-5", "GET /v1/models lists what there is."),
    ],
)
def test_the_nearest_name_is_suggested(table: RoutingTable, asked: str, hint: str) -> None:
    with pytest.raises(NotFound) as caught:
        table.resolve(asked)
    assert hint in caught.value.message


def test_the_catalogues_window_and_price_are_in_the_listing(table: RoutingTable) -> None:
    [small] = table.listed()
    assert small["context_length"] == 400_000
    assert small["pricing"]["prompt"] == "0.00000025"
    assert {"tools", "structured_outputs"} <= set(small["supported_parameters"])
    entry = table.resolve("openai/gpt-4o-mini")
    assert entry.context_window == 128_000
    assert entry.deployments[0].price is not None
