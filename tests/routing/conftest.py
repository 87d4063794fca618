"""Ways to load a routing file in a test: nothing is read from the disk or the real environment."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from backends.types import ChatRequest
from gateway.auth.principal import Principal
from gateway.routing.problems import RulesError
from gateway.routing.table import RoutingTable, load

Load = Callable[..., RoutingTable]
Faults = Callable[..., list[str]]


@dataclass(frozen=True)
class Asking:
    """What routing sees of the request around a chat."""

    principal: Principal = field(default_factory=lambda: Principal("key_1", "app"))
    provider: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def _load(text: str, files: Mapping[str, str] | None = None, catalogue: Any = None, **environment: str) -> RoutingTable:
    known = files or {}

    def read_file(name: str) -> str:
        if name not in known:
            raise FileNotFoundError(2, "No such file or directory", name)
        return known[name]

    return load(
        text,
        path="routing_rules.yaml",
        environment=environment,
        read_file=read_file,
        list_files=lambda pattern: [name for name in known if name.startswith(pattern.partition("*")[0])],
        catalogue=catalogue,
    )


@pytest.fixture
def load_rules() -> Load:
    return _load


@pytest.fixture
def faults() -> Faults:
    """The problems of a file that must not load, each as its line."""

    def find(text: str, files: Mapping[str, str] | None = None, **environment: str) -> list[str]:
        with pytest.raises(RulesError) as caught:
            _load(text, files, **environment)
        return [str(problem) for problem in caught.value.problems]

    return find


@pytest.fixture
def chat() -> Callable[..., ChatRequest]:
    """A chat request with these fields."""

    def make(model: str = "m", **fields: Any) -> ChatRequest:
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **fields}
        return ChatRequest(orjson.dumps(body), body, model, bool(fields.get("stream")), wants_usage=False)

    return make


@pytest.fixture
def asking() -> Callable[..., Asking]:
    """The request around it, by a key with these properties."""

    def make(provider: str | None = None, headers: Mapping[str, str] | None = None, **key: Any) -> Asking:
        return Asking(Principal("key_1", **{"name": "app", **key}), provider, headers or {})

    return make
