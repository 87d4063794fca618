"""What is killed under load loses nothing and doubles nothing: the ledger is the provider's own count."""

import os
import shutil
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import MakeGateway
from tests.support import rules
from tests.support.books import Row, all_requests, usage_of_key
from tests.support.caller import Caller
from tests.support.gateway import Gateway
from tests.support.load import WORDS, Load, billed_input, counting, number_of
from tests.support.patience import eventually
from tests.support.redis_server import RedisServer
from tests.support.upstream import Exchange, Upstream

PAUSE_S = 3.0
PATIENT = {"answer": "20s", "first_token": "20s", "between_tokens": "20s"}


@pytest.fixture
def own(upstream: Upstream, make_gateway: MakeGateway, model: str) -> Gateway:
    upstream.script(model, counting(pace_s=0.01))
    return make_gateway(rules.minimal(upstream.port, timeouts=PATIENT)).start()


def settled(gateway: Gateway, exchanges: list[Exchange]) -> list[Row]:
    """The ledger's rows of a load, once every request that reached the provider is there and nothing changes more."""
    wanted = {f"load-{number_of(exchange)}" for exchange in exchanges}

    def rows() -> list[Row]:
        return [row for row in all_requests(gateway) if str(row["id"]).startswith("load-")]

    def complete() -> bool:
        return wanted <= {row["id"] for row in rows()}

    try:
        eventually(complete, within_s=40, every_s=0.25, what="every request in the ledger")
    except AssertionError:
        missing = sorted(wanted - {row["id"] for row in rows()})
        raise AssertionError(f"lost: {missing}") from None
    time.sleep(1.0)  # a doubled record would come with a later batch: give it the time to
    return rows()


def attempts_of(row: Row) -> list[dict[str, Any]]:
    return list(row["attempts"])


def assert_exact(gateway: Gateway, key_id: str, exchanges: list[Exchange], load: Load, estimates: int) -> None:
    """Every request that reached the provider stands there once, as the provider counted it.

    Up to `estimates` requests may be estimated or may have been recorded without ever having been sent: those that a
    killed process had in its hands. Nobody whose answer came whole is among them.
    """
    rows = settled(gateway, exchanges)
    assert not [name for name, count in Counter(row["id"] for row in rows).items() if count > 1], "listed twice"
    by_number = {int(row["id"].removeprefix("load-")): row for row in rows}
    arrivals = Counter(number_of(exchange) for exchange in exchanges)
    assert set(arrivals.values()) == {1}, "sent upstream twice"
    assert load.answered <= set(by_number)

    unsent = set(by_number) - set(arrivals)
    inexact = [n for n, row in by_number.items() if attempts_of(row)[0]["source"] != "provider"]
    assert len(unsent | set(inexact)) <= estimates, (sorted(unsent), sorted(inexact))
    assert not load.answered & set(inexact)
    for number, row in by_number.items():
        attempts = attempts_of(row)
        assert len(attempts) == 1, row
        if number not in inexact:
            assert (attempts[0]["input_tokens"], attempts[0]["output_tokens"]) == (billed_input(number), WORDS), row

    sent = {number_of(exchange): exchange for exchange in exchanges if exchange.json.get("stream")}
    for number in set(inexact) & set(sent):
        # A killed stream is billed for what had passed: never for more than the provider had sent by then.
        assert attempts_of(by_number[number])[0]["output_tokens"] <= sent[number].content_events, number

    totals = usage_of_key(gateway, key_id, lambda row: row["attempts"] >= len(by_number))
    attempts = [attempt for row in by_number.values() for attempt in attempts_of(row)]
    assert totals["attempts"] == len(attempts)
    assert totals["requests"] == len(by_number)
    for name in ("input_tokens", "output_tokens"):
        assert totals[name] == sum(attempt[name] for attempt in attempts), name


def test_without_a_kill_the_ledger_is_the_providers_count(own: Gateway, upstream: Upstream, model: str) -> None:
    created = own.create_key()
    with Load(own.caller(created["key"]), model) as load:
        load.run(120)
    assert not load.broken
    assert_exact(own, created["id"], list(upstream.seen(model)), load, estimates=0)
    own.stop()


def test_killed_workers_lose_and_double_nothing(own: Gateway, upstream: Upstream, model: str) -> None:
    created = own.create_key()
    with Load(own.caller(created["key"]), model) as load:
        for _ in range(3):
            load.run(40)
            victim = own.worker_pids()[0]
            os.kill(victim, signal.SIGKILL)
            eventually(lambda gone=victim: gone not in own.worker_pids(), what="the victim gone")  # type: ignore[misc]
        load.run(40)
    # Each kill can hit at most what all callers together had in flight, and each caller has one request at a time.
    assert len(load.broken) <= 3 * load.threads * 3, load.broken
    assert_exact(own, created["id"], list(upstream.seen(model)), load, estimates=3 * load.threads)
    own.stop()


def test_a_killed_embedded_valkey_costs_no_request_and_no_record(own: Gateway, upstream: Upstream, model: str) -> None:
    created = own.create_key()
    with Load(own.caller(created["key"]), model) as load:
        for _ in range(2):
            load.run(40)
            victim = own.valkey_pid()
            os.kill(victim, signal.SIGKILL)
            load.run(20)
            eventually(lambda gone=victim: own.valkey_pids() not in ([], [gone]), within_s=10, what="a new server")  # type: ignore[misc]
        load.run(40)
    assert not load.broken
    assert_exact(own, created["id"], list(upstream.seen(model)), load, estimates=0)
    own.stop()


def test_a_paused_valkey_delays_no_request_and_what_it_applies_late_counts_once(
    own: Gateway, upstream: Upstream, model: str
) -> None:
    created = own.create_key()
    with Load(own.caller(created["key"]), model) as load:
        load.run(30)
        os.kill(own.valkey_pid(), signal.SIGSTOP)
        try:
            # Long enough for the workers to give up on a batch that the server still has in its socket and will apply
            # when it wakes up, beside the same batch sent again.
            until = time.monotonic() + PAUSE_S
            while time.monotonic() < until:
                load.run(20, within_s=10)
        finally:
            os.kill(own.valkey_pid(), signal.SIGCONT)
        load.run(10)
    assert not load.broken
    assert_exact(own, created["id"], list(upstream.seen(model)), load, estimates=0)
    own.stop()


def test_a_key_unknown_while_redis_is_away_is_503_and_never_401(own: Gateway, model: str) -> None:
    known, unseen = own.caller(), own.caller()
    assert {known.chat(model, user="0").status for _ in range(12)} == {200}
    os.kill(own.valkey_pid(), signal.SIGSTOP)
    try:
        assert known.chat(model, user="0").status == 200
        answer = unseen.chat(model, user="0")
        assert answer.status == 503
        assert answer.error["code"] == "store_unavailable"
        assert answer.headers["x-should-retry"] == "true"
        assert int(answer.headers["retry-after"]) >= 1
        assert Caller(own.base_url, None).get("/health/ready").status == 200
    finally:
        os.kill(own.valkey_pid(), signal.SIGCONT)
    eventually(lambda: unseen.chat(model, user="0").status == 200, within_s=5)
    own.stop()


def test_a_killed_parent_takes_its_workers_along_and_the_next_start_settles(
    own: Gateway, upstream: Upstream, model: str
) -> None:
    created = own.create_key()
    with Load(own.caller(created["key"]), model) as load:
        load.run(40)
        workers = own.worker_pids()
        os.kill(own.pid, signal.SIGKILL)
        assert own.process is not None
        own.process.wait(5)
        eventually(
            lambda: not [w for w in workers if Path(f"/proc/{w}").exists()], within_s=10, what="no orphan worker"
        )
        own.start()
        load.run(20)
    assert_exact(own, created["id"], list(upstream.seen(model)), load, estimates=2 * load.threads)
    own.stop()


def test_a_redis_that_comes_back_with_less_than_it_had_is_made_whole(
    upstream: Upstream, make_gateway: MakeGateway, model: str, tmp_path: Path
) -> None:
    """Its disk is set back to an earlier moment: what it had acknowledged since then is sent again."""
    upstream.script(model, counting(pace_s=0.01))
    with RedisServer(tmp_path / "redis") as redis:
        environment = {"HEADRACE_REDIS_URL": redis.url}
        gateway = make_gateway(rules.minimal(upstream.port, timeouts=PATIENT), environment=environment).start()
        created = gateway.create_key()
        with Load(gateway.caller(created["key"]), model) as load:
            load.run(40)
            shutil.copytree(redis.directory, tmp_path / "earlier")
            load.run(60)
            redis.kill()
            shutil.rmtree(redis.directory)
            shutil.copytree(tmp_path / "earlier", redis.directory)
            redis.start()
            load.run(30)
        assert not load.broken
        assert_exact(gateway, created["id"], list(upstream.seen(model)), load, estimates=0)
        gateway.stop()


def test_told_to_be_closed_it_serves_nobody_while_redis_is_away(
    upstream: Upstream, make_gateway: MakeGateway, model: str
) -> None:
    environment = {"HEADRACE_ON_STORE_OUTAGE": "closed"}
    gateway = make_gateway(rules.minimal(upstream.port), environment=environment).start()
    app = gateway.caller()
    assert {app.chat(model).status for _ in range(8)} == {200}
    os.kill(gateway.valkey_pid(), signal.SIGSTOP)
    try:
        eventually(lambda: app.chat(model).status == 503, within_s=8, what="a refusal")
        assert app.chat(model).error["code"] == "store_unavailable"
        assert Caller(gateway.base_url, None).get("/health/ready").status == 503
        assert Caller(gateway.base_url, None).get("/health/live").status == 200
    finally:
        os.kill(gateway.valkey_pid(), signal.SIGCONT)
    eventually(lambda: {app.chat(model).status for _ in range(8)} == {200}, within_s=8, what="service again")
    gateway.stop()
