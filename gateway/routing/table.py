"""Text → RoutingTable, checked whole. A table never changes; a reload makes another and swaps it by one assignment.

It says what a model name leads to. Choosing among the deployments is `candidates.py`'s.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from types import MappingProxyType
from typing import Any

from gateway.catalog.deployments import Catalogue
from gateway.catalog.nearby import KnowsNames
from gateway.errors import NotFound
from gateway.routing.checks import checks
from gateway.routing.compilation import compile_guards, compile_routes, refuse_unenforceable
from gateway.routing.entries import BY_COST, BY_THROUGHPUT, OTHER, EntryMaker, ModelEntry
from gateway.routing.faults import validate
from gateway.routing.guards import Guard, Route
from gateway.routing.listing import listing
from gateway.routing.names import is_wildcard, matches, split_suffix
from gateway.routing.notes import notes_on
from gateway.routing.problems import RulesError, nearest, printable
from gateway.routing.providers import ProviderState, provider_state
from gateway.routing.references import check_references
from gateway.routing.rules import RoutingRules, time_zone
from gateway.routing.source import Document, read
from gateway.routing.substitution import Substitution

_SHORTHANDS = {":floor": BY_COST, ":nitro": BY_THROUGHPUT}
REMEMBERED = 4096
"""Entries kept of names that callers chose: below wildcards, with suffixes, `provider/model`."""


@dataclass(frozen=True, slots=True)
class RoutingTable:
    """The routing file in force."""

    hash: str
    """The first 12 hex digits of the SHA-256 of the file (and of what it includes, in order)."""
    text: str = field(repr=False)
    path: str
    rules: RoutingRules = field(repr=False)
    providers: Mapping[str, ProviderState] = field(repr=False)
    models: Mapping[str, ModelEntry] = field(repr=False)
    """By their name in the file, wildcards included."""
    guards: tuple[Guard, ...] = field(repr=False)
    routes: tuple[Route, ...] = field(repr=False)
    reads: frozenset[str]
    """What the conditions look at: `request.model`, `key.tags`, …"""
    zone: tzinfo
    notes: tuple[str, ...]
    """What the operator should know at load: which parts have no effect yet, above all."""
    files: tuple[str, ...]
    """Other files that were read: included ones, and those of `${file:…}`. A change in one is a change of the table."""
    include_patterns: tuple[str, ...]
    maker: EntryMaker = field(repr=False)
    list_of_models: tuple[Mapping[str, Any], ...] = field(repr=False)
    remembered: dict[tuple[str | None, ...], ModelEntry] = field(default_factory=dict, repr=False, compare=False)

    def resolve(self, name: str, provider: str | None = None) -> ModelEntry:
        """What a name leads to, `provider` being the one that the URL pins. Raises NotFound.

        1. exact name, 2. alias, 3. wildcard, 4. one of these with `:floor` or `:nitro`, 5. `provider/model`.
        A suffix is taken off before wildcards are looked at: `claude-*` means models, not shorthands.
        """
        if provider is None:
            entry = self.models.get(name)
            if entry is not None and not is_wildcard(name):
                return entry
        entry = self.remembered.get((name, provider))
        if entry is None:
            entry = self._pinned(name, provider) if provider is not None else self._found(name)
            self._remember((name, provider), entry)
        return entry

    def under_policy(self, entry: ModelEntry, policy: str, provider: str | None = None) -> ModelEntry:
        """The same model, chosen among by another policy of the file."""
        key = (entry.label, entry.name, provider, policy)
        made = self.remembered.get(key)
        if made is None:
            if entry.label == OTHER:
                owner, _, model = entry.name.partition("/")
                made = self.maker.of_provider(self.providers[owner], model, policy=policy)
            else:
                asked = entry.name if is_wildcard(entry.label) else None
                made = self.maker.of_model(entry.label, asked, policy=policy, provider=provider)
            self._remember(key, made)
        return made

    def _remember(self, key: tuple[str | None, ...], entry: ModelEntry) -> None:
        if len(self.remembered) >= REMEMBERED:
            self.remembered.clear()
        self.remembered[key] = entry

    def names_of(self, asked: str, entry: ModelEntry) -> tuple[str, ...]:
        """The names by which a key, a guard or a route may mean this request."""
        bare, suffix = split_suffix(asked)
        return (asked, entry.name) if suffix is None else (asked, bare, entry.name)

    def listed(self) -> tuple[Mapping[str, Any], ...]:
        """GET /v1/models: OpenAI's fields, and OpenRouter's `context_length`, `pricing`, `supported_parameters`."""
        return self.list_of_models

    def _found(self, name: str) -> ModelEntry:
        bare, suffix = split_suffix(name)
        entry = self._in_file(bare, _SHORTHANDS.get(suffix or ""))
        if entry is not None:
            return entry
        owner, slash, model = name.partition("/")
        if slash and model and owner in self.providers:
            return self.maker.of_provider(self.providers[owner], model)
        raise self._unknown(name)

    def _in_file(self, name: str, policy: Any = None, provider: str | None = None) -> ModelEntry | None:
        """Exact name, alias, wildcard; the longest wildcard that covers the name, since it says the most."""
        name = self.rules.aliases.get(name, name)
        if name in self.rules.models and not is_wildcard(name):
            return self.maker.of_model(name, policy=policy, provider=provider)
        wildcards = [model for model in self.rules.models if is_wildcard(model) and matches(name, model)]
        if wildcards:
            return self.maker.of_model(max(wildcards, key=len), name, policy=policy, provider=provider)
        owner, slash, model = name.partition("/")  # an alias may lead to a provider's own model
        if slash and model and owner in self.providers and policy is None and provider in (None, owner):
            return self.maker.of_provider(self.providers[owner], model)
        return None

    def _pinned(self, name: str, provider: str) -> ModelEntry:
        """A model of the file as this provider serves it, else the provider's own model of that name."""
        state = self.providers.get(provider)
        if state is None:
            hint = f" Did you mean '{near}'?" if (near := nearest(provider, self.providers)) else ""
            raise NotFound(f"There is no provider '{printable(provider)}'.{hint}", code="unknown_route")
        bare, suffix = split_suffix(name)
        entry = self._in_file(bare, _SHORTHANDS.get(suffix or ""), provider)
        if entry is not None and (entry.deployments or entry.rejected or entry.variants):
            return entry
        owner, slash, model = name.partition("/")
        return self.maker.of_provider(state, model if slash and owner == provider and model else name)

    def _unknown(self, name: str) -> NotFound:
        known = [*(model for model, entry in self.models.items() if not entry.hidden), *self.rules.aliases]
        near = nearest(name, known) or self._near_at_a_provider(name)
        hint = f"Did you mean '{near}'?" if near else "GET /v1/models lists what there is."
        return NotFound(f"There is no model '{printable(name)}'. {hint}", code="model_not_found", param="model")

    def _near_at_a_provider(self, name: str) -> str | None:
        """`provider/model`, as the price catalogue has it."""
        catalogue = self.maker.catalogue
        if not isinstance(catalogue, KnowsNames):
            return None
        return catalogue.nearest(name, [state.name for state in self.providers.values() if state.enabled])


def load(
    text: str,
    *,
    path: str,
    environment: Mapping[str, str],
    read_file: Callable[[str], str],
    catalogue: Catalogue | None = None,
    list_files: Callable[[str], Sequence[str]] | None = None,
) -> RoutingTable:
    """The table that a file makes. Raises RulesError with everything that is wrong with it."""
    substitution = Substitution(environment, read_file)
    document = read(text, name=path, substitution=substitution, list_files=list_files)
    check_references(document)
    rules = validate(document)
    tags = tuple(rules.tags) if rules is not None else ()
    guards, routes = compile_guards(document, rules, tags), compile_routes(document, rules, tags)
    refuse_unenforceable(document, guards)
    if rules is None or document.problems:
        raise RulesError(document.problems)
    return _table(text, document, rules, guards, routes, substitution, catalogue)


def _table(
    text: str,
    document: Document,
    rules: RoutingRules,
    guards: tuple[Guard, ...],
    routes: tuple[Route, ...],
    substitution: Substitution,
    catalogue: Catalogue | None,
) -> RoutingTable:
    digest = _digest(text, document)
    providers = {
        name: provider_state(name, provider, unset=document.unset.get(name), environment=substitution.environment)
        for name, provider in rules.providers.items()
    }
    maker = EntryMaker(rules, providers, catalogue, f"{document.name}@{digest}")
    models = {name: maker.of_model(name) for name in rules.models}

    def line_of(section: str, name: str) -> int:
        return document.mark((section, name), of_key=True).line

    conditions = [*(guard.condition for guard in guards), *(route.condition for route in routes)]
    return RoutingTable(
        hash=digest,
        text=text,
        path=document.name,
        rules=rules,
        providers=MappingProxyType(providers),
        models=MappingProxyType(models),
        guards=guards,
        routes=routes,
        reads=frozenset(name for condition in conditions for name in condition.reads),
        zone=UTC if rules.timezone.upper() == "UTC" else time_zone(rules.timezone),
        notes=(*notes_on(rules, routes), *checks(rules, models, routes, maker, line_of)),
        files=tuple(dict.fromkeys([*(name for name, _ in document.included), *substitution.files])),
        include_patterns=tuple(document.include_patterns),
        maker=maker,
        list_of_models=listing(models, rules.aliases),
    )


def _digest(text: str, document: Document) -> str:
    content = hashlib.sha256(text.encode())
    for _, included in document.included:
        content.update(b"\0" + included.encode())
    return content.hexdigest()[:12]
