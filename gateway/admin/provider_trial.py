"""POST /admin/v1/providers/{name}/test: one small real call for each capability, and what came of it.

The calls go the way of every request, held to the one provider: routed, translated, metered and in the ledger, as those
of a key named `providers test`. Their time is bounded; nothing that is told can hold a key, since errors never do.
"""

import asyncio
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import orjson
from multidict import CIMultiDict
from pydantic import Field

from backends.backend import Flow
from backends.errors import MALFORMED
from backends.types import AnswerKind, ChatRequest, Target
from gateway.admin.bodies import Body
from gateway.admin.probes import PROBES, Probe, Reply
from gateway.admin.services import Runs
from gateway.auth.principal import Principal
from gateway.catalog.nearby import KnowsNames
from gateway.dialects.base import Dialect
from gateway.dialects.openai_chat import OpenAIChat
from gateway.dialects.openai_embeddings import OpenAIEmbeddings
from gateway.door import Request
from gateway.errors import InvalidRequest, NotFound
from gateway.routing.carriage import not_carried
from gateway.routing.problems import nearest, printable
from gateway.routing.providers import ProviderState
from gateway.routing.table import RoutingTable

PATIENCE_S = 20.0
"""For one call; the request path is told of it, and gives up by itself."""
_MARGIN_S = 2.0
FINE = frozenset({"ok", "not_offered", "not_tried"})
"""States that speak against nobody; the others are `refused` and `not_done` (it answered, but not what was asked)."""
_WHO = Principal("providers-test", "providers test")
_SHOWN = 5
_EMBEDS = "embed"
"""What the names of models that make vectors have in common."""


class TrialBody(Body):
    """What is to be tried."""

    model: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    embeddings_model: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    capabilities: Annotated[list[str], Field(min_length=1, max_length=len(PROBES))] | None = None
    """All, unless some are named."""


class _Gathered:
    """Implements gateway.door.Responder: keeps what an application would have been sent."""

    def __init__(self) -> None:
        self.started = False
        self._status = 0
        self._headers: Mapping[str, str] = {}
        self._pieces: list[bytes] = []

    def start(self, status: int, headers: Mapping[str, str]) -> None:
        self.started, self._status, self._headers = True, status, headers

    def write(self, data: bytes) -> None:
        self._pieces.append(bytes(data))

    async def drain(self) -> None:
        """Nobody reads slowly here."""

    def flush(self) -> None:
        """Nobody waits for it."""

    def attach(self, flow: Flow | None) -> None:
        """Nobody reads slowly here."""

    async def end(self) -> None:
        """It is all here."""

    def reply(self) -> Reply:
        return Reply(self._status, self._headers, b"".join(self._pieces))


class ProviderTrial:
    """What the route does."""

    def __init__(self, pipeline: Runs, table: RoutingTable) -> None:
        self._pipeline = pipeline
        self._table = table
        self._dialects: Mapping[str, Dialect] = {
            dialect.name: dialect for dialect in (OpenAIChat(), OpenAIEmbeddings())
        }

    async def report(self, name: str, wanted: TrialBody) -> dict[str, Any]:
        """Every capability that is wanted, tried at the same time. Raises NotFound, InvalidRequest."""
        state = self._provider(name)
        probes = [_probe(each) for each in wanted.capabilities or PROBES]
        told: dict[str, Any] = {"provider": name, "enabled": state.enabled, "reason": state.reason, "docs": state.docs}
        if not state.enabled:
            return told | {"ok": False, "capabilities": []}
        rows = await asyncio.gather(*(self._try(state, probe, wanted) for probe in probes))
        return told | {"ok": all(row["state"] in FINE for row in rows), "capabilities": rows}

    def _provider(self, name: str) -> ProviderState:
        state = self._table.providers.get(name)
        if state is None:
            near = nearest(name, self._table.providers)
            hint = f" Did you mean '{near}'?" if near else " `headrace providers list` shows them."
            raise NotFound(f"There is no provider '{printable(name)}'.{hint}", code="provider_not_found")
        return state

    async def _try(self, state: ProviderState, probe: Probe, wanted: TrialBody) -> dict[str, Any]:
        if probe.dialect == "openai_embeddings":
            model = wanted.embeddings_model or self._embeddings_model(state)
            reason = _no_embeddings(state, model)
            if reason is not None or model is None:
                return _row(
                    probe, model, "not_offered" if reason else "not_tried", reason or "name a model that embeds"
                )
        else:
            model = wanted.model or self._chat_model(state)
            if model is None:
                raise InvalidRequest(self._which_model(state), param="model")
        started = time.monotonic()
        reply = await self._ask(state.name, model, probe)
        ms = round((time.monotonic() - started) * 1000)
        return _row(probe, model, *_verdict(probe, reply), ms, reply)

    async def _ask(self, provider: str, model: str, probe: Probe) -> Reply | None:
        """None: it outlasted every clock."""
        gathered = _Gathered()
        body = {"model": model, **probe.body}
        if probe.dialect == "openai_chat":
            body["provider"] = {"allow_fallbacks": False}  # of this one we are asked, and of nobody who stands in
        request = Request(
            id=f"providers-test-{secrets.token_hex(8)}",
            method="POST",
            path=f"/providers/{provider}/v1/{'embeddings' if probe.name == 'embeddings' else 'chat/completions'}",
            headers=CIMultiDict({"content-type": "application/json", "x-headrace-timeout": f"{PATIENCE_S:g}s"}),
            body=orjson.dumps(body),
            principal=_WHO,
            provider=provider,
            started_at=time.monotonic(),
        )
        try:
            async with asyncio.timeout(PATIENCE_S + _MARGIN_S):
                await self._pipeline.run(request, gathered, self._dialects[probe.dialect])
        except TimeoutError:
            return None
        return gathered.reply()

    def _chat_model(self, state: ProviderState) -> str | None:
        """The cheapest that the file has of this provider; one whose price nobody knows comes last."""
        named = [model for model in self._models(state) if _EMBEDS not in model.lower()]
        if not named and state.protocol == "sandbox":
            return "sandbox"
        return min(named, key=lambda model: self._price(state, model), default=None)

    def _embeddings_model(self, state: ProviderState) -> str | None:
        """One of the file's, else the cheapest of the catalogue's."""
        if state.protocol == "sandbox":
            return "sandbox"
        known = [model for model in (*self._models(state), *self._listed(state)) if _EMBEDS in model.lower()]
        return min(known, key=lambda model: self._price(state, model), default=None)

    def _models(self, state: ProviderState) -> Iterator[str]:
        """The provider's own names of what the file asks it for."""
        for rules in self._table.rules.models.values():
            for target in rules.targets or ():
                if target.provider == state.name and "*" not in target.model:
                    yield target.model

    def _listed(self, state: ProviderState) -> Sequence[str]:
        catalogue = self._table.maker.catalogue
        return catalogue.models(state.name) if isinstance(catalogue, KnowsNames) else ()

    def _price(self, state: ProviderState, model: str) -> float:
        prices = [
            deployment.price
            for deployment in self._table.resolve(model, state.name).deployments
            if deployment.price is not None
        ]
        return min((price.input + price.output for price in prices), default=float("inf"))

    def _which_model(self, state: ProviderState) -> str:
        listed = [model for model in self._listed(state) if _EMBEDS not in model.lower()]
        known = sorted(listed, key=lambda model: self._price(state, model))[:_SHOWN]
        hint = f" The cheapest that the catalogue has: {', '.join(known)}." if known else ""
        return f"The routing file has no model of '{state.name}': name one (`--model`).{hint}"


def _probe(name: str) -> Probe:
    probe = PROBES.get(name)
    if probe is None:
        raise InvalidRequest(
            f"'{printable(name)}' can't be tried; what can: {', '.join(PROBES)}.", param="capabilities"
        )
    return probe


def _no_embeddings(state: ProviderState, model: str | None) -> str | None:
    """Why it can't be asked for vectors at all; None: it can."""
    target = Target(state.name, state.protocol, model or "", "", "", quirks=state.quirks)
    asked = ChatRequest(
        b"",
        {},
        model or "",
        stream=False,
        wants_usage=False,
        dialect="openai_embeddings",
        answers=AnswerKind.DATA,
    )
    return not_carried(asked, target)


def _verdict(probe: Probe, reply: Reply | None) -> tuple[str, str | None]:
    """`ok`, `refused`, `not_offered` or `not_done`; and why, or what else there is to say."""
    if reply is None:
        return "refused", f"no answer within {PATIENCE_S:g} s"
    if reply.status != 200:
        return _refusal(reply)
    ignored = reply.headers.get("x-headrace-ignored", "")
    if probe.fields.intersection(name.strip() for name in ignored.split(",")):
        return "not_offered", f"left out: {ignored}"
    try:
        shown = probe.judge(reply.body)
    except MALFORMED:
        return "not_done", "its answer has not the shape of one"
    notes = "; ".join(filter(None, (shown.detail, f"left out: {ignored}" if ignored else None)))
    return "ok" if shown.ok else "not_done", notes or None


def _refusal(reply: Reply) -> tuple[str, str]:
    """An error, in one line. `not_offered` where nothing was sent, since the protocol or the file says no."""
    try:
        error = orjson.loads(reply.body)["error"]
        code, message, metadata = error["code"], error["message"], error.get("metadata") or {}
    except MALFORMED:
        return "refused", f"status {reply.status}"
    attempts = metadata.get("attempts") or ()
    unsaid = any(str(attempt.get("reason")).startswith("unsupported:") for attempt in attempts)
    incapable = any(" does not do " in f" {left.get('reason')}" for left in metadata.get("rejected") or ())
    told = metadata.get("provider_status") or reply.status
    why = f" ({attempts[-1].get('reason')})" if attempts and code == "upstream_error" else ""
    return "not_offered" if unsaid or incapable else "refused", f"{told} {code}: {printable(str(message), 400)}{why}"


def _row(
    probe: Probe, model: str | None, state: str, detail: str | None, ms: int | None = None, reply: Reply | None = None
) -> dict[str, Any]:
    headers = reply.headers if reply is not None else {}
    return {
        "capability": probe.name,
        "state": state,
        "detail": detail,
        "model": model,
        "target": headers.get("x-headrace-target"),
        "ms": ms,
        "cost_usd": headers.get("x-headrace-cost-usd"),
        "request_id": headers.get("x-request-id"),
    }
