"""Metrics: one valid exposition for all workers, with the names of CONTRACT 7."""

from prometheus_client.parser import text_string_to_metric_families

from tests.support import scripts
from tests.support.caller import Caller
from tests.support.gateway import Gateway
from tests.support.patience import eventually
from tests.support.upstream import Upstream

Sample = tuple[str, dict[str, str], float]


def scrape(gateway: Gateway) -> list[Sample]:
    answer = Caller(gateway.base_url, None).get("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain")
    families = list(text_string_to_metric_families(answer.body.decode()))
    names = [family.name for family in families]
    assert len(names) == len(set(names)), "a family is exposed twice"
    samples = [(s.name, dict(s.labels), s.value) for family in families for s in family.samples]
    series = [(name, *sorted(labels.items())) for name, labels, _ in samples]
    assert len(series) == len(set(series)), "a series is exposed twice"
    return samples


def total(samples: list[Sample], name: str, **labels: str) -> float:
    return sum(v for n, own, v in samples if n == name and labels.items() <= own.items())


OF_THIS_PART = {
    "headrace_requests_total",
    "headrace_request_duration_seconds_bucket",
    "headrace_time_to_first_token_seconds_bucket",
    "headrace_upstream_time_to_first_token_seconds_bucket",
    "headrace_upstream_request_duration_seconds_bucket",
    "headrace_time_per_output_token_seconds_bucket",
    "headrace_overhead_seconds_bucket",
    "headrace_tokens_total",
    "headrace_cost_usd_total",
    "headrace_unpriced_requests_total",
    "headrace_requests_in_flight",
    "headrace_upstream_attempts_total",
    "headrace_failovers_total",
    "headrace_rejections_total",
    "headrace_rules_info",
    "headrace_rules_last_reload_successful",
    "headrace_rules_last_reload_success_timestamp_seconds",
    "headrace_store_up",
    "headrace_journal_pending_records",
    "headrace_journal_oldest_pending_seconds",
    "headrace_event_loop_lag_seconds",
    "headrace_worker_restarts_total",
    "headrace_build_info",
}


def test_the_metrics_of_this_part_are_exposed(app: Caller, gateway: Gateway, pair: str) -> None:
    app.chat(pair)
    app.chat("sandbox-model", stream=True)
    app.chat(f"dead-{pair}")
    app.chat(f"unpriced-{pair}")
    app.chat("no-such-model")
    Caller(gateway.base_url, "hr-wrong").chat(pair)
    eventually(
        lambda: not (OF_THIS_PART - {name for name, _, _ in scrape(gateway)}),
        within_s=4,
        what=f"all of {len(OF_THIS_PART)} metrics",
    )


def test_requests_are_counted_once_over_all_workers(app: Caller, gateway: Gateway, upstream: Upstream) -> None:
    upstream.script("upstream-name", scripts.answer(counted=scripts.usage(11, 3)))

    def counted() -> tuple[float, float]:
        samples = scrape(gateway)
        ok = total(samples, "headrace_requests_total", outcome="ok", provider="alpha", model="named")
        return ok, total(samples, "headrace_tokens_total", type="input", provider="alpha", model="named")

    requests, tokens = counted()
    for _ in range(10):
        assert app.chat("named").status == 200
    eventually(lambda: counted() == (requests + 10, tokens + 110), within_s=4, what="ten requests in the metrics")
    assert counted() == (requests + 10, tokens + 110)


def test_labels_come_from_configured_names_only(app: Caller, gateway: Gateway, model: str) -> None:
    hostile = 'made-up"} 1\nheadrace_fake_total{x="'
    app.chat(f"{model}-label")
    app.chat(hostile)
    for name, labels, _ in scrape(gateway):
        assert "made-up" not in str(labels), name
        assert f"{model}-label" not in labels.get("model", ""), name


def test_a_caller_who_left_is_counted_apart(app: Caller, gateway: Gateway, upstream: Upstream, model: str) -> None:
    before = total(scrape(gateway), "headrace_requests_total", outcome="client_closed")
    upstream.script(model, scripts.hang_before_headers())
    with app.open_chat(model):
        upstream.only(model)
    eventually(
        lambda: total(scrape(gateway), "headrace_requests_total", outcome="client_closed") == before + 1,
        within_s=4,
        what="one more caller who left",
    )


def test_every_worker_reports_its_process(gateway: Gateway) -> None:
    def workers() -> int:
        names = {str(labels) for name, labels, _ in scrape(gateway) if name == "process_resident_memory_bytes"}
        return len(names)

    eventually(lambda: workers() >= gateway.workers, within_s=4, what="process_* of each worker")
