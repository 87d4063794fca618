"""The one store: Redis or Valkey, single, behind Sentinel, or a cluster. Foreign errors end here.

Each atomic step is one script in lua/; each call has a deadline; what cannot be done now is StoreUnavailable. What the
keys mean is for the rooms above, what they are called for keyspace.py.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from hashlib import sha1
from importlib.resources import files
from typing import Any, cast

import redis.asyncio as aioredis
from redis import exceptions as foreign
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

from gateway.store.address import Address, parse_address

SOCKET_TIMEOUT_S = 1.0
CALL_DEADLINE_S = 2.5
"""Waiting for a connection of the pool, connecting, and the answer, together."""
POOL_SIZE = 32
PING_AFTER_S = 5.0
PONG_WITHIN_S = 2.0
BACKOFF_FIRST_S, BACKOFF_MOST_S = 0.05, 1.0

_AWAY = ("MISCONF", "READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "OOM", "NOREPLICAS", "TRYAGAIN", "BUSY ")
"""Error answers that speak of the server's state, not of our command."""


class StoreUnavailable(Exception):
    """Redis cannot do it now: away, too slow, loading, read-only or full. Nothing is known about what it did."""


@dataclass(frozen=True, slots=True)
class Script:
    """One atomic step, written in Lua."""

    name: str
    text: str = field(repr=False)
    sha: str

    @classmethod
    def load(cls, name: str) -> "Script":
        """Read lua/<name>.lua. Callers do this once, where they are made."""
        text = files("gateway.store").joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")
        return cls(name=name, text=text, sha=sha1(text.encode(), usedforsecurity=False).hexdigest())


class Watch:
    """Whether Redis answers, as the last call saw it, and the translation of redis-py's errors into ours."""

    def __init__(self, shown: str) -> None:
        self.shown = shown
        self.up = False

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Within: an error of the connection or the server's state becomes StoreUnavailable."""
        try:
            yield
        except (foreign.ConnectionError, foreign.TimeoutError, foreign.RedisClusterException, OSError) as error:
            raise self._away(error) from error
        except foreign.ResponseError as error:
            if str(error).startswith(_AWAY) or isinstance(
                error, foreign.ReadOnlyError | foreign.ClusterDownError | foreign.OutOfMemoryError
            ):
                raise self._away(error) from error
            raise
        self.up = True
        _heed_cancellation()

    def _away(self, error: Exception) -> StoreUnavailable:
        _heed_cancellation()
        self.up = False
        return StoreUnavailable(f"Redis at {self.shown} does not serve: {str(error) or type(error).__name__}")


def _heed_cancellation() -> None:
    """redis-py may take a cancellation for a lost connection, and try again: who asks in a loop would never end."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


class _Watched:
    """Mixed into both of redis-py's clients: every command has a deadline and speaks our errors."""

    seen_by: Watch

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        with self.seen_by.translated():
            async with asyncio.timeout(CALL_DEADLINE_S):
                return await super().execute_command(*args, **options)  # type: ignore[misc]  # of redis-py's class


class _Single(_Watched, aioredis.Redis):  # type: ignore[misc]  # redis-py's own bases disagree
    pass


class _Cluster(_Watched, aioredis.RedisCluster):  # type: ignore[misc]  # likewise
    pass


class Store:
    """A connection pool to Redis, and the few calls that all rooms share.

    Single commands go through `client` (`await store.client.hget(...)`): they too raise StoreUnavailable. Pipelines
    go through `execute_all`.
    """

    def __init__(self, address: Address) -> None:
        self._watch = Watch(address.shown)
        self._sentinel = _sentinel(address) if address.kind == "sentinel" else None
        self.client = _open(address, self._sentinel)
        self.client.seen_by = self._watch

    def __repr__(self) -> str:
        return f"<Store {self._watch.shown} {'up' if self.up else 'down'}>"

    @property
    def up(self) -> bool:
        """Whether the last call was answered."""
        return self._watch.up

    async def ping(self) -> None:
        """One round trip, or StoreUnavailable."""
        await self._call("PING")

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run a script by its hash; a server that was restarted has forgotten it and is given the text again."""
        try:
            return await self._call("EVALSHA", script.sha, len(keys), *keys, *args)
        except foreign.NoScriptError:
            return await self._call("EVAL", script.text, len(keys), *keys, *args)

    async def _call(self, *command: Any) -> Any:
        client: Any = self.client  # redis-py leaves execute_command untyped
        return await client.execute_command(*command)

    async def execute_all(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Many independent reads in one round trip (to each node), answers in order. Not a transaction."""
        if not commands:
            return []
        with self._watch.translated():
            async with asyncio.timeout(CALL_DEADLINE_S):
                pipeline = self.client.pipeline(transaction=False)
                for command in commands:
                    pipeline.execute_command(*command)
                return await pipeline.execute()

    async def run_id(self) -> str:
        """Names the server processes that answer now: another value means that what they hold may be older."""
        if isinstance(self.client, _Cluster):
            answers = await self.client.info("server", target_nodes=aioredis.RedisCluster.PRIMARIES)
            nodes = answers.values() if "run_id" not in answers else [answers]
            return ",".join(sorted(str(node["run_id"]) for node in nodes))
        answer = await self.client.info("server")
        return str(answer["run_id"])

    async def subscribe(self, channel: str) -> AsyncIterator[bytes | None]:
        """Messages of a channel, for as long as the caller iterates.

        None comes first, and again each time that a lost connection was made anew: what was published before it was
        not heard, so caches start afresh.
        """
        backoff_s = BACKOFF_FIRST_S
        while True:
            try:
                async with self._subscription(channel) as pubsub:
                    backoff_s = BACKOFF_FIRST_S
                    yield None
                    while True:
                        yield await self._next_message(pubsub)
            except StoreUnavailable:
                await asyncio.sleep(backoff_s)
                backoff_s = min(backoff_s * 2, BACKOFF_MOST_S)

    @asynccontextmanager
    async def _subscription(self, channel: str) -> AsyncIterator[Any]:
        pubsub: Any = self.client.pubsub()
        try:
            with self._watch.translated():
                async with asyncio.timeout(CALL_DEADLINE_S):
                    await pubsub.subscribe(channel)
                    while (message := await pubsub.get_message(timeout=SOCKET_TIMEOUT_S)) is None:
                        continue
                    assert message["type"] == "subscribe"
            yield pubsub
        finally:
            await pubsub.aclose()

    async def _next_message(self, pubsub: Any) -> bytes:
        """The next message. A connection that is silent and does not answer a ping either is lost."""
        pinged = False
        while True:
            with self._watch.translated():
                message = await pubsub.get_message(timeout=PONG_WITHIN_S if pinged else PING_AFTER_S)
                if message is None and pinged:
                    raise TimeoutError("no answer to a ping")
                if message is None:
                    await pubsub.ping()
            pinged = message is None
            if message is not None and message["type"] == "message":
                return cast("bytes", message["data"])

    async def close(self) -> None:
        """Let go of every connection."""
        await self.client.aclose()
        if self._sentinel is not None:
            await self._sentinel.aclose()


async def connect(url: str) -> Store:
    """Open the store that the URL names and ask it for a sign of life. Raises BadAddress or StoreUnavailable."""
    store = Store(parse_address(url))
    try:
        await store.ping()
    except StoreUnavailable:
        await store.close()
        raise
    return store


def _open(address: Address, sentinel: Sentinel | None) -> "_Single":
    if address.kind == "cluster":
        return cast("_Single", _cluster(address))
    if sentinel is not None:
        master = sentinel.master_for(address.master, redis_class=_Single, max_connections=POOL_SIZE)
        return cast("_Single", master)
    pool = aioredis.BlockingConnectionPool.from_url(
        address.url, max_connections=POOL_SIZE, timeout=SOCKET_TIMEOUT_S, **_options()
    )
    return cast("_Single", _Single.from_pool(pool))


def _options() -> dict[str, Any]:
    # Nothing is tried again behind our back: not every script may run twice, and the deadline is that of one call.
    return {
        "socket_timeout": SOCKET_TIMEOUT_S,
        "socket_connect_timeout": SOCKET_TIMEOUT_S,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
    }


def _cluster(address: Address) -> _Cluster:
    return _Cluster(
        startup_nodes=[ClusterNode(host, port) for host, port in address.nodes],
        username=address.username,
        password=address.password,
        ssl=address.tls,
        max_connections=POOL_SIZE,
        **_options(),
    )


def _sentinel(address: Address) -> Sentinel:
    return Sentinel(  # type: ignore[no-untyped-call]  # of redis-py
        list(address.nodes),
        sentinel_kwargs={**_options(), "password": address.sentinel_password},
        username=address.username,
        password=address.password,
        db=address.database,
        ssl=address.tls,
        **_options(),
    )
