"""Bounds, met and missed, and what is said where a run lacks what it takes."""

import pytest

from benchmarks import targets
from benchmarks.targets import AtLeast, AtMost, Beyond, Times

ROUTERS = ("sglang-router", "vllm-router")


def test_a_figure_at_its_bound_is_met() -> None:
    judged = AtMost(60, "µs").judge("cost", {"headrace": {"cost": {1: 59, 2: 60, 3: 90}}})
    assert judged is not None
    assert judged.met
    assert judged.told("cost") == "cost: 60.0 µs, target at most 60: met."


def test_a_miss_is_told_as_a_share_of_the_bound() -> None:
    judged = AtMost(60, "µs").judge("cost", {"headrace": {"cost": {1: 90}}})
    assert judged is not None
    assert judged.verdict == "MISSED by 50 %"


def test_too_few_is_a_miss_where_more_is_better() -> None:
    judged = AtLeast(15_000, "requests/s").judge("rate", {"headrace": {"rate": {1: 12_000}}})
    assert judged is not None
    assert judged.told("rate") == "rate: 12,000 requests/s, target at least 15,000: MISSED by 20 %."


def test_a_ratio_is_taken_round_by_round_and_not_between_medians() -> None:
    rounds = {"headrace": {"cost": {1: 20, 2: 80, 3: 22}}, "nginx": {"cost": {1: 10, 2: 40, 3: 10}}}
    judged = Times(2.0, ("nginx",), "nginx").judge("cost", rounds)
    assert judged is not None
    assert judged.met
    assert judged.reached == "2.00 times nginx's"


def test_the_better_of_two_peers_is_chosen_in_each_round() -> None:
    rounds = {
        "headrace": {"cost": {1: 70, 2: 70}},
        "sglang-router": {"cost": {1: 100, 2: 200}},
        "vllm-router": {"cost": {1: 200, 2: 100}},
    }
    judged = Times(0.7, ROUTERS, "the better").judge("cost", rounds)
    assert judged is not None
    assert judged.met


def test_one_peer_suffices_where_the_other_is_missing() -> None:
    rounds = {"headrace": {"cost": {1: 75}}, "vllm-router": {"cost": {1: 100}}}
    judged = Times(0.7, ROUTERS, "the better").judge("cost", rounds)
    assert judged is not None
    assert judged.verdict == "MISSED by 7 %"


def test_a_difference_may_lie_below_zero() -> None:
    judged = Beyond(1.0, "ms", "nginx").judge("late", {"headrace": {"late": {1: 0.5}}, "nginx": {"late": {1: 2.0}}})
    assert judged is not None
    assert judged.met
    assert judged.reached == "nginx's -1.50 ms"


@pytest.mark.parametrize("bound", [Times(2.0, ("nginx",), "nginx"), Beyond(1.0, "ms", "nginx")])
def test_rounds_that_the_peer_lacks_are_left_out(bound: Times | Beyond) -> None:
    assert bound.judge("cost", {"headrace": {"cost": {1: 1.0}}, "nginx": {"cost": {2: 1.0}}}) is None
    assert bound.judge("cost", {"headrace": {"cost": {1: 1.0}}}) is None


def test_a_peer_that_cost_nothing_makes_no_ratio() -> None:
    rounds = {"headrace": {"cost": {1: 1.0}}, "nginx": {"cost": {1: 0.0}}}
    assert Times(2.0, ("nginx",), "nginx").judge("cost", rounds) is None


def test_every_target_is_told_and_what_is_missing_is_named() -> None:
    lines = targets.told({"headrace": {"cpu_us_per_request": {1: 50.0}}})
    assert len(lines) == len(targets.TARGETS)
    assert "Part 2, CPU time per unary request, 1 kB: 50.0 µs, target at most 60: met." in lines
    assert any("NOT JUDGED, the run lacks a round that has nginx's too" in line for line in lines)
    assert any("NOT JUDGED, the run lacks our own figure" in line for line in lines)


def test_a_run_without_us_says_nothing() -> None:
    assert targets.told({"nginx": {"cpu_us_per_request": {1: 20.0}}}) == []


def test_bunched_chunks_are_pointed_out() -> None:
    lines = targets.told({"headrace": {"chunk_late_p99_ms": {1: 80.0}}})
    assert any("chunks came bunched (p99 80 ms late)" in line for line in lines)
