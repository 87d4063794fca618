"""Whether the names in a routing file belong together: each one that is used is one that exists.

Works on the plain data, not on the validated rules, so that a file with faults of both kinds hears of all at once;
where the shape is wrong, the schema says so and this file looks away.
"""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from backends.providers.compatible import KNOWN_PROVIDERS
from gateway.routing.names import SUFFIXES, is_wildcard, matches
from gateway.routing.problems import Path, did_you_mean, one_of, printable
from gateway.routing.schema.providers import FIELDS_OF_ONE_PROTOCOL
from gateway.routing.source import Document


def check_references(document: Document) -> None:
    """Note every name that leads nowhere."""
    names = _Names(document.data)
    for name, provider in _mappings(document.data, "providers"):
        _check_provider(document, name, provider)
    _check_egress(document)
    for name, model in _mappings(document.data, "models"):
        _check_model(document, names, name, model)
    for alias, model in _items(document.data, "aliases"):
        _check_alias(document, names, alias, model)
    _check_policy(document, names, ("defaults", "policy"), _get(document.data, "defaults", "policy"))
    for index, guard in enumerate(_list(document.data.get("guards"))):
        _check_guard(document, names, ("guards", index), guard)
    for index, route in enumerate(_list(document.data.get("routes"))):
        _check_route(document, names, ("routes", index), route)
    for section in ("guards", "routes"):
        _check_unique(document, section)


class _Names:
    """All names that the file defines."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.providers = list(_dict(data.get("providers")))
        self.models = list(_dict(data.get("models")))
        self.aliases = list(_dict(data.get("aliases")))
        self.policies = list(_dict(data.get("policies")))
        self.with_variants = {name for name, model in _mappings(data, "models") if model.get("variants") is not None}

    def is_model(self, name: str) -> bool:
        """A model of the file, a name under one of its wildcards, or `provider/model`."""
        if name in self.models or any(matches(name, model) for model in self.models if is_wildcard(model)):
            return True
        provider, slash, model = name.partition("/")
        return bool(slash and model) and provider in self.providers

    def is_adapter(self, name: str) -> bool:
        """A LoRA adapter of a model of the file."""
        base, colon, adapter = name.partition(":")
        return bool(colon and adapter) and base in self.models


def _check_provider(document: Document, name: str, provider: Mapping[str, Any]) -> None:
    path: Path = ("providers", name)
    known = KNOWN_PROVIDERS.get(name)
    protocol = provider.get("protocol") or (known.protocol if known else None)
    if protocol is None:
        hint = did_you_mean(name, KNOWN_PROVIDERS) or f"; known names: {one_of(sorted(KNOWN_PROVIDERS), limit=60)}"
        document.problem(
            path, f"protocol is required, since '{printable(name)}' is no known provider{hint}", of_key=True
        )
        return
    for owner, fields in FIELDS_OF_ONE_PROTOCOL.items():
        for field in fields:
            if field in provider and protocol != owner:
                document.problem((*path, field), f"this belongs to protocol {owner}, not to {protocol}", of_key=True)
    given = [key for key in ("base_url", "endpoints", "discover") if provider.get(key) is not None]
    if protocol == "sandbox" and given:
        document.problem((*path, given[0]), "the sandbox runs inside the gateway and has no address", of_key=True)
    if protocol in ("openai", "vllm") and not given:
        built_in = known.base_url if known and known.protocol == protocol else ""
        if not built_in or "<" in built_in:
            example = f", such as {built_in}" if built_in else ""
            document.problem(path, f"base_url is required{example}", of_key=True)


def _check_egress(document: Document) -> None:
    """Every address in the file is one that `egress.allow` lets through."""
    allowed = _get(document.data, "egress", "allow")
    if not isinstance(allowed, list):
        return
    for name, provider in _mappings(document.data, "providers"):
        for path, url in _addresses(name, provider):
            try:
                host = urlsplit(url).hostname or ""
            except ValueError:
                continue
            if not any(isinstance(pattern, str) and fnmatchcase(host, pattern.lower()) for pattern in allowed):
                document.problem(path, "egress.allow does not let this provider's host through", of_key=True)


def _addresses(name: str, provider: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    path: Path = ("providers", name)
    known = KNOWN_PROVIDERS.get(name)
    base_url = provider.get("base_url")
    if isinstance(base_url, str) and base_url:
        yield (*path, "base_url"), base_url
    endpoints = _list(provider.get("endpoints"))
    for index, endpoint in enumerate(endpoints):
        url = endpoint.get("url") if isinstance(endpoint, dict) else endpoint
        if isinstance(url, str) and url:
            yield (*path, "endpoints", index), url
    if not base_url and not endpoints and known and known.base_url:
        yield path, known.base_url


def _check_model(document: Document, names: _Names, name: str, model: Mapping[str, Any]) -> None:
    path: Path = ("models", name)
    if name.endswith(SUFFIXES):
        document.problem(
            path, f"a model name can't end in {' or '.join(SUFFIXES)}: callers choose by them", of_key=True
        )
    for index, target in enumerate(_list(model.get("targets"))):
        _check_target(document, names, (*path, "targets", index), target)
    for variant, rule in _mappings(model, "variants"):
        chosen = rule.get("model")
        here = (*path, "variants", variant, "model")
        if isinstance(chosen, str) and chosen in names.with_variants:
            document.problem(here, "a variant is a model with targets, not one with variants")
        elif isinstance(chosen, str) and not (names.is_model(chosen) or names.is_adapter(chosen)):
            _unknown_model(document, names, here, chosen)
    _check_policy(document, names, (*path, "policy"), model.get("policy"))
    fallbacks = model.get("fallbacks")
    by_reason = {"": fallbacks} if isinstance(fallbacks, list) else _dict(fallbacks)
    for reason, models in by_reason.items():
        base = (*path, "fallbacks", reason) if reason else (*path, "fallbacks")
        _check_models(document, names, base, models)


def _check_target(document: Document, names: _Names, path: Path, target: Any) -> None:
    target = _dict(target)
    provider = target.get("provider")
    if isinstance(provider, str) and provider not in names.providers:
        _unknown_provider(document, names, (*path, "provider"), provider)
    if target.get("model") == "*" and not is_wildcard(str(path[1])):
        document.problem((*path, "model"), "'*' stands for the name asked for, under a model name with a '*' only")


def _check_alias(document: Document, names: _Names, alias: str, model: Any) -> None:
    path: Path = ("aliases", alias)
    if alias in names.models:
        document.problem(path, "this is the name of a model already", of_key=True)
    if is_wildcard(alias) or alias.endswith(SUFFIXES):
        document.problem(path, f"an alias has no '*', and does not end in {' or '.join(SUFFIXES)}", of_key=True)
    if isinstance(model, str) and not names.is_model(model):
        chained = "; an alias can't lead to another alias" if model in names.aliases else None
        _unknown_model(document, names, path, model, chained)


def _check_guard(document: Document, names: _Names, path: Path, guard: Any) -> None:
    guard = _dict(guard)
    for effect in ("only", "except"):
        scope = _dict(guard.get(effect))
        for index, provider in enumerate(_list(scope.get("providers"))):
            if isinstance(provider, str) and provider not in names.providers:
                _unknown_provider(document, names, (*path, effect, "providers", index), provider)
        _check_models(document, names, (*path, effect, "models"), scope.get("models"), patterns=True)
    _check_models(document, names, (*path, "models"), guard.get("models"), patterns=True)


def _check_route(document: Document, names: _Names, path: Path, route: Any) -> None:
    route = _dict(route)
    _check_models(document, names, (*path, "models"), route.get("models"), patterns=True)
    _check_models(document, names, (*path, "route"), route.get("route"))
    _check_policy(document, names, (*path, "policy"), route.get("policy"))


def _check_unique(document: Document, section: str) -> None:
    seen: set[str] = set()
    for index, rule in enumerate(_list(document.data.get(section))):
        name = _dict(rule).get("name")
        if isinstance(name, str) and name in seen:
            document.problem((section, index, "name"), "this name is taken by an earlier one")
        elif isinstance(name, str):
            seen.add(name)


def _check_models(document: Document, names: _Names, path: Path, models: Any, *, patterns: bool = False) -> None:
    """A name or a list of names: models, aliases, and where it says so patterns."""
    single = isinstance(models, str)
    for index, model in enumerate([models] if single else _list(models)):
        here = path if single else (*path, index)
        if not isinstance(model, str) or model in names.aliases or names.is_model(model):
            continue
        if not (patterns and is_wildcard(model)):
            _unknown_model(document, names, here, model)


def _check_policy(document: Document, names: _Names, path: Path, policy: Any) -> None:
    if isinstance(policy, str) and policy not in names.policies:
        known = did_you_mean(policy, names.policies) or f"; there are: {one_of(names.policies) or 'none'}"
        document.problem(path, f"unknown policy{_shown(document, path, policy)}{known}")


def _unknown_provider(document: Document, names: _Names, path: Path, provider: str) -> None:
    known = did_you_mean(provider, names.providers) or f"; there are: {one_of(names.providers) or 'none'}"
    document.problem(path, f"unknown provider{_shown(document, path, provider)}{known}")


def _unknown_model(document: Document, names: _Names, path: Path, model: str, hint: str | None = None) -> None:
    known = hint or did_you_mean(model, names.models) or f"; there are: {one_of(names.models) or 'none'}"
    document.problem(path, f"unknown model{_shown(document, path, model)}{known}")


def _shown(document: Document, path: Path, value: str) -> str:
    return "" if path in document.substituted else f" '{printable(value, 60)}'"


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _get(data: Mapping[str, Any], first: str, second: str) -> Any:
    return _dict(data.get(first)).get(second)


def _items(data: Mapping[str, Any], section: str) -> Iterator[tuple[str, Any]]:
    yield from _dict(data.get(section)).items()


def _mappings(data: Mapping[str, Any], section: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The entries of a section; an entry that is no mapping counts as an empty one."""
    for name, value in _items(data, section):
        yield name, _dict(value)
