"""Plain counts in each worker, one exposition for all."""

import orjson
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from gateway.metrics import Metrics, counters_only, families, merge


def exposed(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    class Total(Collector):
        def collect(self):
            return families(metrics)

    registry = CollectorRegistry()
    registry.register(Total())
    text = generate_latest(registry).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def busy() -> Metrics:
    metrics = Metrics()
    metrics.failovers.add(("a", "timeout_answer"), 2)
    metrics.in_flight.add(("m", "p"), 1)
    metrics.store_up.set((), 1)
    metrics.overhead_seconds.observe((), 0.0003)
    metrics.overhead_seconds.observe((), 7.0)
    return metrics


def test_snapshots_survive_json_and_add_up() -> None:
    away = busy()
    away.store_up.set((), 0)
    snapshots = [orjson.loads(orjson.dumps(worker.snapshot())) for worker in (busy(), away)]
    total = exposed(merge(snapshots))
    assert total["headrace_failovers_total", (("from", "a"), ("reason", "timeout_answer"))] == 4
    assert total["headrace_requests_in_flight", (("model", "m"), ("provider", "p"))] == 2
    assert total["headrace_store_up", ()] == 0
    assert total["headrace_overhead_seconds_count", ()] == 4
    assert total["headrace_overhead_seconds_bucket", (("le", "0.0005"),)] == 2
    assert total["headrace_overhead_seconds_bucket", (("le", "1.0"),)] == 2
    assert total["headrace_overhead_seconds_bucket", (("le", "+Inf"),)] == 4


def test_of_a_dead_worker_its_counts_live_on_but_not_its_gauges() -> None:
    total = exposed(merge([counters_only(busy().snapshot())]))
    assert total["headrace_failovers_total", (("from", "a"), ("reason", "timeout_answer"))] == 2
    assert total["headrace_overhead_seconds_count", ()] == 2
    assert ("headrace_requests_in_flight", (("model", "m"), ("provider", "p"))) not in total


def test_buckets_reach_what_operators_rely_on() -> None:
    metrics = Metrics()
    assert metrics.request_seconds.buckets[-1] == 600
    assert metrics.first_token_seconds.buckets[-1] == 120
    assert metrics.per_token_seconds.buckets[0] == 0.001
    assert metrics.overhead_seconds.buckets[0] == 0.0001


def test_label_values_are_escaped_in_the_exposition() -> None:
    metrics = Metrics()
    metrics.rejections.add(('a"b\\c\nd',))
    assert exposed(metrics)["headrace_rejections_total", (("reason", 'a"b\\c\nd'),)] == 1


def test_what_a_tally_holds_is_counted_once_however_often_somebody_looks() -> None:
    metrics = Metrics()
    tally = metrics.tally(("openai_chat", "m", "p", False, "search"))
    assert metrics.tally(("openai_chat", "m", "p", False, "search")) is tally
    other = metrics.tally(("openai_chat", "m", "p", True, ""))  # the same model and provider: they add up
    for each in (tally, other):
        each.requests[200, "ok"] += 1
        each.attempts["complete"] += 1
        each.tokens["input"] += 5
        each.cost_nano["provider"] += 2_000_000_000
        each.in_flight += 2
        each.request_took(0.3, 0.001)
        each.upstream_took(0.2)
    metrics.snapshot()
    tally.in_flight -= 1
    for _ in range(2):
        total = exposed(merge([metrics.snapshot()]))
    of = (("model", "m"), ("provider", "p"))
    assert total["headrace_requests_in_flight", of] == 3
    assert total["headrace_tokens_total", (*of, ("type", "input"))] == 10
    assert total["headrace_upstream_attempts_total", (("outcome", "complete"), ("provider", "p"))] == 2
    assert total["headrace_cost_usd_total", (*of, ("source", "provider"), ("team", "search"))] == 2
    assert total["headrace_upstream_request_duration_seconds_count", of] == 2
    labels = (("code", "200"), ("dialect", "openai_chat"), *of[:1], ("outcome", "ok"), *of[1:])
    assert total["headrace_requests_total", labels] == 2
    assert total["headrace_overhead_seconds_count", ()] == 2
