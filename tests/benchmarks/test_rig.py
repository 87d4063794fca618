"""The small parts of the rig: payloads that two processes agree on, limits, quantiles, plans."""

import json

import pytest

from benchmarks import open_files, payloads
from benchmarks.load.scenario import Scenario, cost_each, quantile_ms, quantiles_ms
from benchmarks.peers import everybody
from benchmarks.plan import Plan


@pytest.mark.parametrize("size", [200, 1_000, 8_000, 100_000])
def test_a_request_has_about_the_size_that_was_asked_for(size: int) -> None:
    body = payloads.request_body(size)
    assert abs(len(body) - size) < 40
    assert json.loads(body)["model"] == payloads.MODEL


def test_a_chunk_tells_how_long_it_was_under_way() -> None:
    transit = payloads.transit_ns(b"noise" + payloads.stamped_chunk())
    assert transit is not None
    assert 0 <= transit < 1e9
    assert payloads.transit_ns(b"no stamp") is None
    assert payloads.transit_ns(b"~123") is None


def test_the_mark_of_a_chunk_occurs_nowhere_else() -> None:
    others = payloads.STREAM_HEAD + payloads.STREAM_FINISH + payloads.usage_chunk(3) + payloads.STREAM_DONE
    assert payloads.STAMP_MARK not in others + payloads.unary_answer()
    assert payloads.stamped_chunk().count(payloads.STAMP_MARK) == 1


def test_a_scenario_travels_as_json() -> None:
    wanted = Scenario("paced", 1, "/v1", {"a": "b"}, "{}", pid=None, chunks=3, count=4)
    assert Scenario.from_json(wanted.to_json()) == wanted
    assert b"content-length: 2\r\n\r\n{}" in wanted.request()


def test_quantiles_are_of_the_nearest_rank() -> None:
    samples = [number / 1000 for number in range(1, 101)]
    assert quantile_ms(samples, 0.5) == pytest.approx(51)
    assert quantile_ms(samples, 0.99) == pytest.approx(100)
    assert set(quantiles_ms("late", samples)) == {"late_p50_ms", "late_p99_ms"}
    assert quantiles_ms("late", []) == {}, "a 0 would look like the fastest of all"


def test_no_cost_is_told_where_nothing_was_served() -> None:
    assert cost_each("cost", 1.0, 0) == {}
    assert cost_each("cost", 1.0, 4) == {"cost": 250_000}


def test_streams_are_as_many_as_the_limit_of_open_files_bears() -> None:
    assert open_files.streams_within(32_768, 10_000, workers=2) == 10_000
    assert open_files.streams_within(1_024, 10_000, workers=2) == 436
    assert open_files.streams_within(4_096, 10_000, workers=1) == 1_498
    assert open_files.streams_within(100, 10_000, workers=2) == 1


def test_a_long_plan_holds_streams_for_a_minute() -> None:
    plan = Plan().at_length(1_000, 100)
    assert (plan.long_requests, plan.long_aborts, plan.many_window_s) == (1_000, 100, 60)


def test_peers_that_are_far_from_the_others_get_fewer_rounds_but_for_a_long_run() -> None:
    assert (Plan(rounds=5).rounds_of(2), Plan(rounds=1).rounds_of(2)) == (2, 1)
    assert Plan(rounds=5).at_length(1, 1).rounds_of(2) == 5


def test_every_peer_says_what_it_does_under_a_name_of_its_own() -> None:
    peers = everybody()
    assert len({peer.name for peer in peers}) == len(peers)
    assert all(peer.does for peer in peers)
