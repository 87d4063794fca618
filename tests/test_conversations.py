"""Answers kept for `previous_response_id`, in a real Redis: whose they are, how long they stay, how much they take."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, cast

import orjson
import pytest

from gateway import conversations as room
from gateway.auth.principal import Principal
from gateway.conversations import LONGEST_CHAIN, Conversations, Keeping, Past
from gateway.dialects.openai_responses import OpenAIResponses
from gateway.dialects.openai_responses_turn import ResponsesTurn
from gateway.door import Request, Responder
from gateway.errors import InvalidRequest, Unavailable
from gateway.store import keyspace
from gateway.store.address import parse_address
from gateway.store.embedded import EmbeddedValkey
from gateway.store.redis import Store, connect

Scenario = Callable[[Store], Coroutine[Any, Any, None]]


@pytest.fixture(scope="module")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = EmbeddedValkey()
    server.start(tmp_path_factory.mktemp("valkey"))
    yield server.url
    server.stop()


@pytest.fixture
def with_store(valkey_url: str) -> Callable[[Scenario], None]:
    async def run(scenario: Scenario) -> None:
        store = await connect(valkey_url)
        try:
            await store.client.flushall()
            await scenario(store)
        finally:
            await store.close()

    return lambda scenario: asyncio.run(run(scenario))


class Written:
    """A Responder that only remembers that it ended."""

    started = False
    ended = False

    async def end(self) -> None:
        self.ended = True


def request(key: str = "k1", **body: Any) -> Request:
    raw = orjson.dumps({"model": "m", **body})
    return Request("r", "POST", "/v1/responses", {}, raw, Principal(key, key), None, 0.0)


async def say(kept: Conversations, text: str, said: str, *, key: str = "k1", **body: Any) -> ResponsesTurn:
    """One turn, answered."""
    written = Written()
    turn, out = await kept.join(request(key, input=text, **body), cast("Responder", written), OpenAIResponses())
    chat = turn.parse(b"", {})
    message = {"role": "assistant", "content": said}
    turn.render(chat, {"model": "m", "choices": [{"message": message, "finish_reason": "stop"}]}, None)
    await out.end()
    assert written.ended
    return turn


def words(turn: ResponsesTurn) -> list[str]:
    return [message["content"] for message in turn.parse(b"", {}).body["messages"]]


def named(turn: ResponsesTurn) -> str:
    assert turn.response is not None
    return str(turn.response["id"])


def test_turns_follow_one_another_and_branch(with_store: Callable[[Scenario], None]) -> None:
    async def scenario(store: Store) -> None:
        kept = Conversations(store, 60)
        first = await say(kept, "a", "A")
        second = await say(kept, "b", "B", previous_response_id=named(first))
        third = await say(kept, "c", "C", previous_response_id=named(second))
        branch = await say(kept, "d", "D", previous_response_id=named(first))
        assert words(third) == ["a", "A", "b", "B", "c"]
        assert words(branch) == ["a", "A", "d"]
        items = await kept.input_items("k1", third.stem)
        assert items is not None
        assert [item["content"][0]["text"] for item in items] == ["c"]

    with_store(scenario)


def test_a_key_finds_only_its_own(with_store: Callable[[Scenario], None]) -> None:
    async def scenario(store: Store) -> None:
        kept = Conversations(store, 60)
        first = await say(kept, "a", "A")
        assert await kept.response("k2", first.stem) is None
        assert not await kept.forget("k2", first.stem)
        with pytest.raises(InvalidRequest) as caught:
            await say(kept, "b", "B", key="k2", previous_response_id=named(first))
        assert caught.value.code == "previous_response_not_found"
        assert await kept.response("k1", first.stem) is not None

    with_store(scenario)


def test_what_is_forgotten_takes_what_was_built_on_it(with_store: Callable[[Scenario], None]) -> None:
    async def scenario(store: Store) -> None:
        kept = Conversations(store, 60)
        first = await say(kept, "a", "A")
        second = await say(kept, "b", "B", previous_response_id=named(first))
        assert await kept.forget("k1", first.stem)
        assert not await kept.forget("k1", first.stem)
        with pytest.raises(InvalidRequest):
            await say(kept, "c", "C", previous_response_id=named(second))
        total = await store.client.hget(keyspace.responses_sizes("k1"), "total")
        rest = await store.client.hget(keyspace.responses_sizes("k1"), second.stem)
        assert total == rest

    with_store(scenario)


def test_everything_has_a_lifetime_that_use_renews(with_store: Callable[[Scenario], None]) -> None:
    async def scenario(store: Store) -> None:
        kept = Conversations(store, 60)
        first = await say(kept, "a", "A")
        names = [key.decode() for key in await store.client.keys("*response*")]
        assert len(names) == 3
        for name in names:
            assert 0 < await store.client.ttl(name) <= 60
            await store.client.expire(name, 5)
        await say(kept, "b", "B", previous_response_id=named(first))
        for name in names:
            assert await store.client.ttl(name) > 5

    with_store(scenario)


@pytest.mark.parametrize(("kept_s", "store_it"), [(60.0, False), (0.0, True)])
def test_nothing_is_kept_where_nothing_shall_be(
    with_store: Callable[[Scenario], None], kept_s: float, store_it: bool
) -> None:
    async def scenario(store: Store) -> None:
        turn = await say(Conversations(store, kept_s), "a", "A", store=store_it)
        assert turn.response is not None
        assert turn.response["store"] is False
        assert await store.client.keys("*response*") == []

    with_store(scenario)


def test_a_key_has_a_bound_and_what_is_untouched_longest_goes_first(
    with_store: Callable[[Scenario], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_LONGEST_OF_A_KEY", 6_000)

    async def scenario(store: Store) -> None:
        kept = Conversations(store, 60)
        turns = [await say(kept, "a" * 500, "A") for _ in range(10)]
        there = [await kept.response("k1", turn.stem) is not None for turn in turns]
        assert there.count(True) < 6
        assert there[-1]
        total = int(await store.client.hget(keyspace.responses_sizes("k1"), "total") or 0)
        assert 0 < total <= 6_000
        assert await store.client.zcard(keyspace.responses_by_use("k1")) == there.count(True)

    with_store(scenario)


def test_a_conversation_has_a_bound(with_store: Callable[[Scenario], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LONGEST_CONVERSATION", 4_000)

    async def scenario(store: Store) -> None:
        kept = Conversations(store, 60)
        first = await say(kept, "a" * 1_000, "A")
        assert await kept.response("k1", first.stem) is not None
        second = await say(kept, "b" * 3_000, "B", previous_response_id=named(first))
        assert second.response is not None
        assert second.response["store"] is False
        third = await say(kept, "c", "C" * 4_000)
        assert await kept.response("k1", third.stem) is None

    with_store(scenario)


def test_a_long_chain_is_gathered_into_one(with_store: Callable[[Scenario], None]) -> None:
    async def scenario(store: Store) -> None:
        kept = Conversations(store, 60)
        turn = await say(kept, "0", "A")
        for number in range(1, LONGEST_CHAIN + 4):
            turn = await say(kept, str(number), "A", previous_response_id=named(turn))
        asked = words(turn)[::2]
        assert asked == [str(number) for number in range(LONGEST_CHAIN + 4)]
        before = await store.client.hget(keyspace.response("k1", turn.stem), "before")
        assert len((before or b"").split()) < 4

    with_store(scenario)


def test_an_item_that_is_named_stands_in_its_place(with_store: Callable[[Scenario], None]) -> None:
    async def scenario(store: Store) -> None:
        kept = Conversations(store, 60)
        first = await say(kept, "a", "A")
        assert first.response is not None
        item_id = first.response["output"][0]["id"]
        named_items = [{"role": "user", "content": "x"}, {"type": "item_reference", "id": item_id}, {"id": "msg_68"}]
        turn, _ = await kept.join(request(input=named_items), cast("Responder", Written()), OpenAIResponses())
        chat = turn.parse(b"", {})
        assert [message["content"] for message in chat.body["messages"]] == ["x", "A"]
        assert chat.untranslated is not None
        assert chat.untranslated[0] == "input[2]"
        with pytest.raises(InvalidRequest):
            await kept.join(request("k2", input=named_items), cast("Responder", Written()), OpenAIResponses())

    with_store(scenario)


def test_without_redis_an_answer_is_given_and_a_memory_is_not_denied(with_store: Callable[[Scenario], None]) -> None:
    async def scenario(store: Store) -> None:
        kept = Conversations(store, 60)
        first = await say(kept, "a", "A")
        await store.client.config_set("maxmemory", "1")
        try:
            await say(kept, "b", "B")
        finally:
            await store.client.config_set("maxmemory", "0")
        assert await kept.response("k1", first.stem) is not None
        gone = Store(parse_address("unix:///nowhere/valkey.sock"))
        with pytest.raises(Unavailable):
            await say(Conversations(gone, 60), "c", "C", previous_response_id=named(first))
        await gone.close()

    with_store(scenario)


def test_an_answer_that_did_not_come_to_be_is_not_kept(with_store: Callable[[Scenario], None]) -> None:
    async def scenario(store: Store) -> None:
        kept, written = Conversations(store, 60), Written()
        turn, out = await kept.join(request(input="a"), cast("Responder", written), OpenAIResponses())
        assert isinstance(out, Keeping)
        await out.end()
        await kept.keep("k1", turn, Past())
        assert written.ended
        assert await store.client.keys("*response*") == []

    with_store(scenario)
