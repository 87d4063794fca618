"""The catalogue, over the real package's data."""

from datetime import UTC, datetime, time
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.catalog.models import Catalogue, CatalogueError
from gateway.catalog.prices import Price

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load(NOW)


def test_a_known_model_has_its_price_and_context_window(catalogue: Catalogue) -> None:
    price = catalogue.price("openai", "gpt-4o-mini")
    assert price is not None
    assert (price.input, price.cached_input, price.output) == (150_000_000, 75_000_000, 600_000_000)
    assert price.version == catalogue.version
    assert catalogue.context_window("openai", "gpt-4o-mini") == 128_000


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("anthropic", "claude-sonnet-4-5"),
        ("openrouter", "qwen/qwen3-30b-a3b"),
        ("gemini", "gemini-2.5-flash"),
        ("bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("xai", "grok-4"),
        ("azure", "gpt-4o"),
        ("groq", "llama-3.3-70b-versatile"),
        ("deepseek", "deepseek-chat"),
        ("mistral", "mistral-large-latest"),
        ("cohere", "command-r-plus"),
    ],
)
def test_providers_go_by_our_names(catalogue: Catalogue, provider: str, model: str) -> None:
    price = catalogue.price(provider, model)
    assert price is not None
    assert price.output > 0


@pytest.mark.parametrize(
    ("provider", "model"), [("acme", "gpt-4o-mini"), ("openai", "no-such-model"), ("groq", "whisper-large-v3")]
)
def test_what_is_not_listed_by_token_is_unknown(catalogue: Catalogue, provider: str, model: str) -> None:
    assert catalogue.price(provider, model) is None


def row(prices: Any) -> Catalogue:
    card = SimpleNamespace(prices=prices, context_window=None)
    provider = SimpleNamespace(id="p", find_model=lambda model, all_providers: card)
    return Catalogue([provider], "test 1", NOW)


def rates(**listed: Any) -> SimpleNamespace:
    return SimpleNamespace(**listed)


def test_a_price_that_begins_later_is_not_taken_yet() -> None:
    begun, to_come = (
        SimpleNamespace(start_date=None, active=lambda now, active=active: active) for active in (True, False)
    )
    dated = [
        SimpleNamespace(constraint=None, prices=rates(input_mtok=1)),
        SimpleNamespace(constraint=begun, prices=rates(input_mtok=2)),
        SimpleNamespace(constraint=to_come, prices=rates(input_mtok=3)),
    ]
    assert row(dated).price("p", "m") == Price(2 * 10**9, 0, version="test 1")


def test_a_price_with_other_rates_says_that_it_is_the_base() -> None:
    tiers = rates(input_mtok=SimpleNamespace(base=1, tiers=[]), output_mtok=2)
    assert row(tiers).price("p", "m") == Price(10**9, 2 * 10**9, version="test 1, base rate")
    at_night = SimpleNamespace(start_time=time(0), active=lambda now: True)
    by_hour = [
        SimpleNamespace(constraint=None, prices=rates(input_mtok=1)),
        SimpleNamespace(constraint=at_night, prices=rates(input_mtok=9)),
    ]
    assert row(by_hour).price("p", "m") == Price(10**9, 0, version="test 1, base rate")


def test_a_row_that_can_t_be_read_is_told_and_its_price_is_unknown() -> None:
    card = SimpleNamespace(
        id="m", prices=rates(input_mtok=-1), context_window=9, deprecated=None, is_match=lambda name: name == "m"
    )
    provider = SimpleNamespace(id="p", models=[card], find_model=lambda model, all_providers: card)
    broken = Catalogue.checked([provider], "test 1", NOW)
    [fault] = broken.faults()
    assert fault.startswith("p/m: ")
    assert broken.price("p", "m") is None


@pytest.mark.parametrize("data", [None, {}, [], ["openai"], [SimpleNamespace(id="p", models=[])]])
def test_data_without_a_model_is_refused(data: Any) -> None:
    with pytest.raises(CatalogueError):
        Catalogue.checked(data, "test 1", NOW)


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("gpt-4o-mini", "openai/gpt-4o-mini"),
        ("GPT-4o-mini", "openai/gpt-4o-mini"),
        ("gpt-4o-minii", "openai/gpt-4o-mini"),
        ("opanai/gpt-4o", "openai/gpt-4o"),
        ("claude-sonet-4-5", "anthropic/claude-sonnet-4-5"),
        ("mistralai/mistral-nemoo", "openrouter/mistralai/mistral-nemo"),
        ("nothing-of-the-kind", None),
        ("", None),
        ("-" * 5000, None),
    ],
)
def test_a_near_miss_is_found_among_the_models_of_all_providers(
    catalogue: Catalogue, asked: str, near: str | None
) -> None:
    assert catalogue.nearest(asked, ("openai", "anthropic", "openrouter")) == near


def test_only_the_providers_that_are_named_are_searched(catalogue: Catalogue) -> None:
    assert catalogue.nearest("gpt-4o-mini", ("anthropic",)) is None
    assert catalogue.models("nobody") == []
    assert "gpt-4o-mini" in catalogue.models("openai")
