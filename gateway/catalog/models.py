"""What is publicly known of models: prices and context windows, from the genai-prices package.

The package takes 0.3 to 0.9 s to import, so `Catalogue.load` imports it: once, in the parent, before the workers are
forked. What a provider of our own making charges is for the routing file to say; here it is unknown, never 0. Newer
data than the package's is fetched by refresh.py alone, and only when an operator says so.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from gateway.catalog.nearby import NearbyNames
from gateway.catalog.prices import Price, nano_dollars, usd_per_million

CATALOGUE_NAMES = {
    "bedrock": "aws",
    "gemini": "google",
    "vertex": "google",
    "google-ai-studio": "google",
    "xai": "x-ai",
    "grok": "x-ai",
    "moonshot": "moonshotai",
    "kimi": "moonshotai",
    "mistralai": "mistral",
    "togetherai": "together",
    "fireworks-ai": "fireworks",
    "azure-openai": "azure",
    "zhipu": "zhipuai",
}
"""Our provider names where genai-prices says another; all others are looked up as they are."""

REMEMBERED = 4_096
_CLASSES = {"cached_input": "cache_read_mtok", "cache_write": "cache_write_mtok", "reasoning": "output_reasoning_mtok"}
_MALFORMED = (AttributeError, TypeError, ValueError, ArithmeticError, KeyError, IndexError)
"""What reading a row raises that is not as the package says."""


class CatalogueError(Exception):
    """There is no catalogue to work with; the message is one line for the operator."""


class Catalogue:
    """Prices and context windows by our provider name and the upstream's own name of the model.

    Prices are those in force at the moment of loading. Where a row has tiers by context length the base tier is taken,
    and where it has hours of the day the price that holds outside them: such a price says so in its version, so that
    every record made with it can be told. Prices of images, audio and searches are not taken. A row that does not
    charge by input token (audio by the hour, say) is unknown, and so is one that can't be read.
    """

    def __init__(self, providers: list[Any], version: str, now: datetime) -> None:
        self.version = version
        self._all = providers
        self._providers = {provider.id: provider for provider in providers}
        self._now = now
        self._remembered: dict[tuple[str, str], tuple[Price | None, int | None]] = {}
        self._nearby: dict[tuple[str, ...], NearbyNames] = {}

    @classmethod
    def load(cls, now: datetime) -> "Catalogue":
        """Import the package (slow) and take its data as of `now`. Raises CatalogueError where that can't be done."""
        try:
            import genai_prices
            from genai_prices.data import providers
        except Exception as error:  # whatever a broken installation raises while it is imported
            raise CatalogueError(
                f"The package genai-prices, which has the prices, can't be imported ({type(error).__name__}: {error}). "
                "Install Headrace's dependencies anew."
            ) from error
        return cls.checked(providers, f"genai-prices {genai_prices.__version__}", now)

    @classmethod
    def checked(cls, providers: Any, version: str, now: datetime) -> "Catalogue":
        """Over rows of which the least is looked at. Raises CatalogueError where nothing can be found in them."""
        if not isinstance(providers, list) or not all(isinstance(getattr(one, "id", None), str) for one in providers):
            raise CatalogueError(f"{version}: this is no list of providers.")
        if not any(getattr(one, "models", None) for one in providers):
            raise CatalogueError(f"{version}: there is no model in it.")
        return cls(providers, version, now)

    def rates(self) -> Iterator[tuple[tuple[str, str], Price | None]]:
        """Every row's own price, without its version, by provider and model as the package names them."""
        for provider in self._all:
            for card in provider.models:
                price = self._price_of(card)
                yield (provider.id, card.id), None if price is None else replace(price, version="")

    def faults(self) -> Iterator[str]:
        """Rows that can't be read, each with the reason: their models' prices are unknown."""
        for provider in self._all:
            for card in getattr(provider, "models", ()):
                try:
                    self._price_of(card)
                    card.is_match(card.id)
                except _MALFORMED as error:
                    yield f"{provider.id}/{getattr(card, 'id', '?')}: {error or type(error).__name__}"

    def price(self, provider: str, model: str) -> Price | None:
        """What this provider lists for the model; None: unknown."""
        return self._known(provider, model)[0]

    def context_window(self, provider: str, model: str) -> int | None:
        """How many tokens the model reads at most; None: unknown."""
        return self._known(provider, model)[1]

    def models(self, provider: str) -> Sequence[str]:
        """The names of this provider's models, but for those that it is about to take away."""
        row = self._providers.get(CATALOGUE_NAMES.get(provider, provider))
        return [card.id for card in row.models if not card.deprecated] if row is not None else []

    def nearest(self, name: str, providers: Sequence[str]) -> str | None:
        """`provider/model` of one of these providers that is most like this name; None: nothing is like it."""
        key = tuple(providers)
        names = self._nearby.get(key)
        if names is None:
            self._nearby.clear()  # the providers of a former routing file
            listed = [f"{provider}/{model}" for provider in providers for model in self.models(provider)]
            names = self._nearby[key] = NearbyNames(listed)
        return names.nearest(name)

    def _known(self, provider: str, model: str) -> tuple[Price | None, int | None]:
        found = self._remembered.get((provider, model))
        if found is None:
            found = self._look_up(provider, model)
            if len(self._remembered) >= REMEMBERED:  # Callers may name any model of a provider.
                self._remembered.clear()
            self._remembered[provider, model] = found
        return found

    def _look_up(self, provider: str, model: str) -> tuple[Price | None, int | None]:
        row = self._providers.get(CATALOGUE_NAMES.get(provider, provider))
        try:
            card = row.find_model(model, all_providers=self._all) if row is not None else None
            if card is None:
                return None, None
            return self._price_of(card), card.context_window
        except _MALFORMED:  # told at the start, by `faults`
            return None, None

    def _price_of(self, card: Any) -> Price | None:
        rates = self._in_force(card.prices)
        base = _rate(rates, "input_mtok")
        if base is None:
            return None
        return Price(
            input=base,
            output=_rate(rates, "output_mtok") or 0,  # Absent: embeddings, which put nothing out.
            request=_per_request(rates),
            version=f"{self.version}, base rate" if _has_other_rates(card.prices, rates) else self.version,
            **{ours: _rate(rates, theirs) for ours, theirs in _CLASSES.items()},
        )

    def _in_force(self, prices: Any) -> Any:
        """One set of rates, or the last of several dated ones that has begun."""
        if not isinstance(prices, list):
            return prices
        chosen = prices[0].prices if prices else None
        for dated in prices[1:]:
            started = dated.constraint is None or (
                hasattr(dated.constraint, "start_date") and dated.constraint.active(self._now)
            )
            if started:
                chosen = dated.prices
        return chosen


def _rate(rates: Any, name: str) -> int | None:
    listed = getattr(rates, "__dict__", {}).get(name)
    if listed is None:
        return None
    return usd_per_million(getattr(listed, "base", listed))


def _has_other_rates(prices: Any, chosen: Any) -> bool:
    """Whether the provider charges another rate at some hours or beyond some length of context."""
    by_hour = isinstance(prices, list) and any(hasattr(dated.constraint, "start_time") for dated in prices)
    return by_hour or any(hasattr(listed, "tiers") for listed in vars(chosen).values())


def _per_request(rates: Any) -> int:
    thousand = getattr(rates, "__dict__", {}).get("requests_kcount")
    return nano_dollars(getattr(thousand, "base", thousand) / 1000) if thousand is not None else 0
