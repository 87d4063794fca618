"""What `previous_response_id` names: answers of the Responses API, kept for a while in Redis.

Only answers that the gateway itself put into this form are kept: where a provider speaks the Responses API, its bytes
pass, its ids are its own, and it does the keeping. Ours begin with `resp_hr`, so the two can be told apart.
An answer is kept as what was new in its turn and the names of the turns before it, all of one API key's in one
partition: nobody else's key leads there. https://platform.openai.com/docs/guides/conversation-state
"""

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import orjson
from structlog.typing import FilteringBoundLogger

from backends.backend import Flow
from gateway.dialects.openai_responses import OpenAIResponses
from gateway.dialects.openai_responses_turn import (
    Item,
    ResponsesTurn,
    listed,
    our_stem,
    references,
    resolved,
)
from gateway.door import Request, Responder
from gateway.errors import InvalidRequest, Unavailable
from gateway.log import get
from gateway.store import keyspace
from gateway.store.redis import Script, Store, StoreUnavailable

LONGEST_CONVERSATION = 16 << 20
"""Bytes of one conversation, all its turns together; an answer past it is given, and not kept."""
LONGEST_CHAIN = 64
"""Turns that one answer may name before its own; then it holds what they said itself."""
_LONGEST_OF_A_KEY = 128 << 20
"""Bytes that one API key's conversations may take; those untouched longest go first."""


class Past(NamedTuple):
    """The turns before a request."""

    stems: tuple[str, ...] = ()
    items: tuple[Item, ...] = ()
    size: int = 0


@dataclass(frozen=True, slots=True)
class Conversations:
    """One per worker. `kept_s` is how long an answer is kept after it was last used; 0 keeps none."""

    store: Store
    kept_s: float
    new_stem: Callable[[], str] = lambda: f"hr{secrets.token_hex(16)}"
    log: FilteringBoundLogger = field(default_factory=lambda: get("conversations"))
    _keep: Script = field(default_factory=lambda: Script.load("response_keep"), repr=False)
    _recall: Script = field(default_factory=lambda: Script.load("response_recall"), repr=False)
    _forget: Script = field(default_factory=lambda: Script.load("response_forget"), repr=False)

    async def join(
        self, request: Request, responder: Responder, dialect: OpenAIResponses
    ) -> "tuple[ResponsesTurn, Responder]":
        """The dialect and the way out for this one request. Raises InvalidRequest and Unavailable."""
        chat = dialect.parse(request.body, request.headers)
        native = chat.native or {}
        key_id = request.principal.key_id
        named = {
            stem: await self._past(key_id, stem, "input", alone=True) for stem in {s for _, s in references(native)}
        }
        known = {item["id"]: item for past in named.values() for item in past.items}
        stem = our_stem(native.get("previous_response_id"))
        past = None if stem is None else await self._past(key_id, stem, "previous_response_id")
        if known:
            chat = chat._replace(native=resolved(native, known))
        size = len(chat.raw) + (past.size if past is not None else 0)
        kept = self.kept_s > 0 and native.get("store") is not False and size <= LONGEST_CONVERSATION
        history = past.items if past is not None else (() if known else None)
        turn = ResponsesTurn(chat, self.new_stem(), history, kept=kept)
        return turn, (Keeping(responder, self, key_id, turn, past or Past()) if kept else responder)

    async def keep(self, key_id: str, turn: ResponsesTurn, past: Past) -> None:
        """Keep a whole answer. Redis being away costs the memory of this turn, not the answer."""
        if turn.response is None:
            return
        items, stems = listed(turn.input, turn.stem), past.stems
        if len(stems) >= LONGEST_CHAIN:
            items, stems = [*past.items, *items], ()
        given, answer = orjson.dumps(items), orjson.dumps(turn.response)
        size = len(given) + len(answer) + (past.size if stems else 0)
        if size > LONGEST_CONVERSATION:
            self.log.warning("a conversation has grown too long to be kept", response=turn.response["id"], bytes=size)
            return
        try:
            await self.store.run(
                self._keep,
                [*self._keys(key_id), keyspace.response(key_id, turn.stem)],
                [turn.stem, " ".join(stems), given, answer, size, *self._bounds(key_id)],
            )
        except StoreUnavailable as error:
            self.log.warning("an answer could not be kept", response=turn.response["id"], because=str(error))

    async def response(self, key_id: str, stem: str) -> bytes | None:
        """An answer as it was given."""
        return await self._field(key_id, stem, "response")

    async def input_items(self, key_id: str, stem: str) -> list[Item] | None:
        """What an answer was given to, in its own turn."""
        given = await self._field(key_id, stem, "input")
        return None if given is None else orjson.loads(given)

    async def forget(self, key_id: str, stem: str) -> bool:
        """Whether there was something to forget. What was built on it can't be continued either."""
        with _within_reach():
            keys = [*self._keys(key_id), keyspace.response(key_id, stem)]
            return bool(await self.store.run(self._forget, keys, [stem]))

    async def _field(self, key_id: str, stem: str, name: str) -> bytes | None:
        with _within_reach():
            return cast("bytes | None", await self.store.client.hget(keyspace.response(key_id, stem), name))

    async def _past(self, key_id: str, stem: str, param: str, *, alone: bool = False) -> Past:
        with _within_reach():
            found = await self.store.run(
                self._recall,
                [*self._keys(key_id), keyspace.response(key_id, stem)],
                [stem, "alone" if alone else "", *self._bounds(key_id)],
            )
        if not found or self.kept_s <= 0:
            raise InvalidRequest(
                f"Previous response with id 'resp_{stem}' not found: it was deleted, has expired or was not stored, "
                "or it is another API key's. Send the conversation's items as 'input'.",
                code="previous_response_not_found",
                param=param,
            )
        stems, size, *parts = found
        items: list[Item] = []
        for given, answer in zip(parts[::2], parts[1::2], strict=True):
            items += orjson.loads(given)
            items += orjson.loads(answer)["output"]
        return Past(tuple(stems.decode("ascii").split()), tuple(items), int(size))

    def _keys(self, key_id: str) -> list[str]:
        return [keyspace.responses_by_use(key_id), keyspace.responses_sizes(key_id)]

    def _bounds(self, key_id: str) -> list[Any]:
        return [keyspace.response(key_id, ""), max(1, round(self.kept_s)), _LONGEST_OF_A_KEY]


@contextmanager
def _within_reach() -> Iterator[None]:
    """Without Redis, what was said before is not known: 503, never a wrong 'not found'."""
    try:
        yield
    except StoreUnavailable as error:
        raise Unavailable(
            "The store of earlier responses can't be reached. Try again, or send the conversation's items as 'input'.",
            code="store_unavailable",
        ) from error


class Keeping:
    """A Responder that keeps the answer before its last byte leaves: the next turn may follow at once."""

    __slots__ = ("_conversations", "_key_id", "_past", "_responder", "_turn")

    def __init__(
        self, responder: Responder, conversations: Conversations, key_id: str, turn: ResponsesTurn, past: Past
    ) -> None:
        self._responder = responder
        self._conversations = conversations
        self._key_id = key_id
        self._turn = turn
        self._past = past

    @property
    def started(self) -> bool:
        """Whether the answer has begun."""
        return self._responder.started

    @started.setter
    def started(self, value: bool) -> None:
        self._responder.started = value

    def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Status and headers; once."""
        self._responder.start(status, headers)

    def write(self, data: bytes) -> None:
        """A piece of the body."""
        self._responder.write(data)

    async def drain(self) -> None:
        """Hand on what was gathered."""
        await self._responder.drain()

    def flush(self) -> None:
        """Hand on what was gathered without waiting."""
        self._responder.flush()

    def attach(self, flow: Flow | None) -> None:
        """This upstream is paused while the caller reads more slowly than we write."""
        self._responder.attach(flow)

    async def end(self) -> None:
        """The answer is whole: first into the store."""
        await self._conversations.keep(self._key_id, self._turn, self._past)
        await self._responder.end()
