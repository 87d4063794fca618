"""Requests and what is expected of them: tests of a routing file, kept beside it. Pure: `headrace rules test` reads.

A case says who asks (`key`), what (`request`, a chat body), and what is to come of it (`expect`).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backends.types import BYTES_PER_TOKEN, ChatRequest
from gateway.errors import GatewayError
from gateway.routing.asking import Asking, Owner
from gateway.routing.candidates import decide
from gateway.routing.decision import Decision
from gateway.routing.policies import Dice
from gateway.routing.schema.guards import Dialect
from gateway.routing.schema.scalars import Count
from gateway.routing.table import RoutingTable


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class KeyOfCase(_Part):
    """Who asks."""

    id: str = "key_of_case"
    name: str = "case"
    team: str | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    models: tuple[str, ...] = ()


class Expectation(_Part):
    """What is to come of it; what is left out is not looked at. Targets are `provider/model@endpoint`, with `*`."""

    target: str | None = None
    """The first candidate."""
    targets: tuple[str, ...] | None = None
    """All of them, in order."""
    not_targets: tuple[str, ...] = ()
    """None of them."""
    model: str | None = None
    route: str | None = None
    """`none`: no route decides."""
    policy: str | None = None
    guards: tuple[str, ...] | None = None
    denied: str | bool | None = None
    """The error's code, or true for any; false: it is served."""


class Case(_Part):
    """One of them."""

    name: str
    request: dict[str, Any]
    expect: Expectation
    key: KeyOfCase = Field(default_factory=KeyOfCase)
    provider: str | None = None
    """The provider that the URL pins."""
    dialect: Dialect = "openai_chat"
    headers: dict[str, str] = Field(default_factory=dict)
    input_tokens: Count | None = None
    """So much input, on top of what the request says itself."""
    time: datetime | None = None
    """When it is asked; now, if it is not said."""


class Cases(_Part):
    """The whole file."""

    rules: str | None = None
    """The routing file that is tested, relative to this one."""
    environment: dict[str, str] = Field(default_factory=dict)
    """Variables that the routing file reads: a provider without its key is disabled, here as well."""
    cases: tuple[Case, ...] = Field(min_length=1)


class BadCases(Exception):
    """The file is no list of cases."""


def read_cases(data: Any) -> Cases:
    """Raises BadCases naming what is wrong and where."""
    try:
        return Cases.model_validate(data)
    except ValidationError as error:
        told = (f"{'.'.join(map(str, one['loc'])) or 'file'}: {one['msg']}" for one in error.errors())
        raise BadCases("; ".join(told)) from None


def asking_of(key: KeyOfCase, provider: str | None = None, headers: Mapping[str, str] | None = None) -> Asking:
    """The request around it."""
    owner = Owner(key.id, key.name, key.team, key.tags, key.models)
    return Asking(owner, provider, {name.lower(): value for name, value in (headers or {}).items()})


def chat_of(body: Mapping[str, Any], dialect: str = "openai_chat", input_tokens: int | None = None) -> ChatRequest:
    """A chat request from a body that may be as short as its model's name."""
    text = "Hello" if input_tokens is None else "x" * (input_tokens * BYTES_PER_TOKEN)
    whole = {"messages": [{"role": "user", "content": text}], **body}
    if input_tokens is not None and "messages" in body:
        whole["messages"] = [*body["messages"], {"role": "user", "content": text}]
    stream, model = bool(whole.get("stream")), str(whole.get("model", ""))
    return ChatRequest(orjson.dumps(whole), whole, model, stream, wants_usage=False, dialect=dialect)


def run_case(table: RoutingTable, case: Case, dice: Dice) -> list[str]:
    """What did not come out as expected; nothing: it passed."""
    chat = chat_of(case.request, case.dialect, case.input_tokens)
    asked = asking_of(case.key, case.provider, case.headers)
    time = case.time or datetime.now(UTC)
    moment = (time if time.tzinfo is not None else time.replace(tzinfo=table.zone)).timestamp()
    try:
        decision = decide(table, chat, asked, dice, dialect=case.dialect, now=lambda: moment)
    except GatewayError as error:
        return _denied(case.expect, error)
    return list(_differences(case.expect, decision))


def _denied(expect: Expectation, error: GatewayError) -> list[str]:
    if expect.denied is True or expect.denied == error.code:
        return []
    wanted = f"denied with {expect.denied}" if expect.denied else "served"
    return [f"expected it to be {wanted}, but it was refused with {error.code}: {error.message}"]


def _differences(expect: Expectation, decision: Decision) -> list[str]:
    names = [one.id for one in decision.candidates]
    if expect.denied:
        return [f"expected it to be denied, but it goes to {', '.join(names)}"]
    found = [
        _differs("model", expect.model, decision.model),
        _differs("policy", expect.policy, decision.policy),
        _differs("route", expect.route, decision.route or "none"),
    ]
    if expect.guards is not None and set(expect.guards) != set(decision.guards):
        found.append(f"guards: expected {_list(expect.guards)}, found {_list(decision.guards)}")
    if expect.target is not None and not _is(names[0], expect.target):
        found.append(f"target: expected {expect.target}, found {names[0]}")
    if expect.targets is not None and not _are(names, expect.targets):
        found.append(f"targets: expected {_list(expect.targets)}, found {_list(names)}")
    found += [
        f"target: {name} is one of {_list(expect.not_targets)}"
        for name in names
        if any(_is(name, pattern) for pattern in expect.not_targets)
    ]
    return [one for one in found if one is not None]


def _differs(what: str, expected: str | None, found: str) -> str | None:
    return None if expected is None or expected == found else f"{what}: expected {expected}, found {found}"


def _is(target: str, pattern: str) -> bool:
    """`qwen` means the provider, `qwen/model` any of its endpoints."""
    return any(fnmatchcase(target, form) for form in (pattern, f"{pattern}/*", f"{pattern}@*"))


def _are(names: list[str], patterns: tuple[str, ...]) -> bool:
    return len(names) == len(patterns) and all(_is(*pair) for pair in zip(names, patterns, strict=True))


def _list(names: Any) -> str:
    return ", ".join(names) or "none"
