"""Every Prometheus instrument with its labels. Plain integers and floats: a worker counts, nobody locks.

What each request raises stands in a `Tally`, found by one look-up and put into the instruments when somebody looks.
A `snapshot` is what a worker hands to its parent; `merge` adds snapshots up, so that one scrape answers for all
workers, the dead ones included; `families` turns the sum into what prometheus-client renders. Label values come
only from configured names; whatever a caller could choose is `other`.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

Labels = tuple[str, ...]
Place = tuple[str, str, str, bool, str]
"""Dialect, model, provider, whether it is a stream, team: what requests are told apart by, but for how they ended."""
Snapshot = dict[str, list[list[Any]]]

_REQUEST_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_FIRST_TOKEN_BUCKETS = (0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3, 6, 12, 30, 60, 120)
_PER_TOKEN_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 1, 2.5)
_NANO = 1_000_000_000
_BUDGET = ("scope", "name")
_CIRCUIT = ("provider", "model", "endpoint", "state")
_OVERHEAD_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1)


class Counter:
    """A sum per label set that only grows."""

    kind = "counter"

    def __init__(self, name: str, text: str, labels: Sequence[str] = ()) -> None:
        self.name, self.text, self.labels = name, text, tuple(labels)
        self.values: dict[Labels, float] = {}

    def add(self, labels: Labels = (), amount: float = 1) -> None:
        """Add to one label set."""
        self.values[labels] = self.values.get(labels, 0) + amount


class Gauge(Counter):
    """A value per label set that is set; workers' values add up unless `how` says `max` or `min`."""

    kind = "gauge"

    def __init__(self, name: str, text: str, labels: Sequence[str] = (), how: str = "sum") -> None:
        super().__init__(name, text, labels)
        self.how = how

    def set(self, labels: Labels, value: float) -> None:
        """Set one label set."""
        self.values[labels] = value


class Histogram:
    """Counts per bucket, and the sum: a list of numbers per label set."""

    kind = "histogram"

    def __init__(self, name: str, text: str, labels: Sequence[str], buckets: Sequence[float]) -> None:
        self.name, self.text, self.labels, self.buckets = name, text, tuple(labels), tuple(buckets)
        self.values: dict[Labels, list[float]] = {}

    def observe(self, labels: Labels, value: float) -> None:
        """Count one observation."""
        row = self.row(labels)
        row[bisect_left(self.buckets, value)] += 1
        row[-1] += value

    def row(self, labels: Labels) -> list[float]:
        """One label set's numbers, for somebody who adds to them often."""
        row = self.values.get(labels)
        if row is None:
            row = self.values[labels] = [0.0] * (len(self.buckets) + 2)
        return row


Instrument = Counter | Gauge | Histogram


def _c(name: str, text: str, *labels: str) -> Counter:
    return Counter(f"headrace_{name}", text, labels)


def _g(name: str, text: str, *labels: str, how: str = "sum") -> Gauge:
    return Gauge(f"headrace_{name}", text, labels, how)


def _h(name: str, text: str, labels: Sequence[str], buckets: Sequence[float]) -> Histogram:
    return Histogram(f"headrace_{name}", text, labels, buckets)


class Tally:
    """What the requests of one place add up to, as plain attributes. Not yet in the instruments: `pour` moves it there.

    Seconds go straight into the histograms' rows, which are looked up once.
    """

    __slots__ = (
        "_overhead",
        "_place",
        "_request",
        "_shown_in_flight",
        "_upstream",
        "attempts",
        "cost_nano",
        "in_flight",
        "requests",
        "tokens",
        "unpriced",
    )

    def __init__(self, metrics: "Metrics", place: Place) -> None:
        dialect, model, provider, stream, _ = self._place = place
        self._request = metrics.request_seconds.row((dialect, model, provider, "true" if stream else "false"))
        self._upstream = metrics.upstream_seconds.row((model, provider))
        self._overhead = metrics.overhead_seconds.row(())
        self.in_flight = self._shown_in_flight = 0
        """Attempts under way; and as they stand in the gauge."""
        self.requests: defaultdict[tuple[int, str], int] = defaultdict(int)
        """By status and outcome."""
        self.attempts: defaultdict[str, int] = defaultdict(int)
        """By how they ended."""
        self.tokens: defaultdict[str, int] = defaultdict(int)
        """By class."""
        self.cost_nano: defaultdict[str, int] = defaultdict(int)
        """By where the token counts come from."""
        self.unpriced = 0

    def request_took(self, seconds: float, overhead_s: float) -> None:
        """One request, from head to last byte; and what of that was neither an upstream's time nor the caller's."""
        row = self._request
        row[bisect_left(_REQUEST_BUCKETS, seconds)] += 1
        row[-1] += seconds
        row = self._overhead
        row[bisect_left(_OVERHEAD_BUCKETS, overhead_s)] += 1
        row[-1] += overhead_s

    def upstream_took(self, seconds: float) -> None:
        """One attempt, sent to ended."""
        row = self._upstream
        row[bisect_left(_REQUEST_BUCKETS, seconds)] += 1
        row[-1] += seconds

    def pour(self, metrics: "Metrics") -> None:
        """Into the instruments, and begin again at 0."""
        dialect, model, provider, _, team = self._place
        for (status, outcome), count in self.requests.items():
            metrics.requests.add((dialect, model, provider, str(status), outcome), count)
        for state, count in self.attempts.items():
            metrics.attempts.add((provider, str(state)), count)
        for kind, count in self.tokens.items():
            metrics.tokens.add((model, provider, kind), count)
        for source, nano in self.cost_nano.items():
            metrics.cost_usd.add((model, provider, team, str(source)), nano / _NANO)
        for sums in (self.requests, self.attempts, self.tokens, self.cost_nano):
            sums.clear()
        if self.unpriced:
            metrics.unpriced.add((), self.unpriced)
            self.unpriced = 0
        metrics.in_flight.add((model, provider), self.in_flight - self._shown_in_flight)
        self._shown_in_flight = self.in_flight


class Metrics:
    """One worker's instruments: the metrics that operators rely on, those that have a meaning by now."""

    def __init__(self) -> None:
        self.requests = _c("requests_total", "Callers' requests.", "dialect", "model", "provider", "code", "outcome")
        self.request_seconds = _h(
            "request_duration_seconds",
            "From the request's head to the answer's last byte.",
            ("dialect", "model", "provider", "stream"),
            _REQUEST_BUCKETS,
        )
        self.first_token_seconds = _h(
            "time_to_first_token_seconds",
            "Streams: until the caller's first content, failover included.",
            ("model", "provider"),
            _FIRST_TOKEN_BUCKETS,
        )
        self.upstream_first_token_seconds = _h(
            "upstream_time_to_first_token_seconds",
            "Streams: from sending to the first content.",
            ("model", "provider"),
            _FIRST_TOKEN_BUCKETS,
        )
        self.upstream_seconds = _h(
            "upstream_request_duration_seconds", "One attempt, sent to ended.", ("model", "provider"), _REQUEST_BUCKETS
        )
        self.per_token_seconds = _h(
            "time_per_output_token_seconds",
            "Streams: between the first content and the last, per output token.",
            ("model", "provider"),
            _PER_TOKEN_BUCKETS,
        )
        self.overhead_seconds = _h("overhead_seconds", "Waiting for no upstream and no caller.", (), _OVERHEAD_BUCKETS)
        self.tokens = _c("tokens_total", "Tokens, in classes that never overlap.", "model", "provider", "type")
        self.cost_usd = _c("cost_usd_total", "What attempts cost.", "model", "provider", "team", "source")
        self.unpriced = _c("unpriced_requests_total", "Attempts whose price is unknown.")
        self.in_flight = _g("requests_in_flight", "Attempts under way.", "model", "provider")
        self.attempts = _c("upstream_attempts_total", "Attempts by how they ended.", "provider", "outcome")
        self.failovers = _c("failovers_total", "Moves to the next target.", "from", "reason")
        self.hedges = _c("hedges_total", "Second attempts, by what came of them.", "outcome")
        self.circuit_state = _g("circuit_state", "1: a target's circuit is so at some worker.", *_CIRCUIT, how="max")
        self.credential_up = _g("credential_up", "Whether the provider accepts our key.", "provider", how="min")
        self.rejections = _c("rejections_total", "Requests refused before any attempt.", "reason")
        self.budget_limit = _g("budget_limit_usd", "What may be spent in the period.", *_BUDGET, how="max")
        self.budget_spent = _g("budget_spent_usd", "What has been, and is settled.", *_BUDGET, how="max")
        self.budget_reserved = _g("budget_reserved_usd", "What open requests may still cost.", *_BUDGET, how="max")
        self.rules_info = _g("rules_info", "The routing file in force.", "hash", how="max")
        self.rules_reloads = _c("rules_reloads_total", "Reloads of the routing file.", "result")
        self.rules_ok = _g("rules_last_reload_successful", "1: the last reload took effect.", how="min")
        self.rules_at = _g("rules_last_reload_success_timestamp_seconds", "When those in force were loaded.", how="min")
        self.store_up = _g("store_up", "1: Redis answers.", how="min")
        self.journal_pending = _g("journal_pending_records", "Journal events that Redis has not applied yet.")
        self.journal_oldest = _g("journal_oldest_pending_seconds", "Age of the oldest of them.", how="max")
        self.loop_lag = _g("event_loop_lag_seconds", "How late the event loop woke, lately.", how="max")
        self.worker_restarts = _c("worker_restarts_total", "Workers replaced after they died.")
        self.build_info = _g("build_info", "The version that runs.", "version", how="max")

        self.process_cpu = Counter("process_cpu_seconds_total", "CPU time used.", ("worker",))
        self.process_memory = Gauge("process_resident_memory_bytes", "Resident memory.", ("worker",))
        self.process_fds = Gauge("process_open_fds", "Open file descriptors.", ("worker",))
        self._instruments: tuple[Instrument, ...] = tuple(vars(self).values())
        self._tallies: dict[Place, Tally] = {}

    def instruments(self) -> Iterable[Instrument]:
        """All of them, in the order of the class."""
        return self._instruments

    def tally(self, place: Place) -> Tally:
        """Where a request of this place is counted."""
        found = self._tallies.get(place)
        if found is None:
            found = self._tallies[place] = Tally(self, place)
        return found

    def snapshot(self) -> Snapshot:
        """The values as plain data: instrument name → rows of [labels, value]."""
        for tally in self._tallies.values():
            tally.pour(self)
        return {
            instrument.name: [[list(labels), value] for labels, value in instrument.values.items()]
            for instrument in self.instruments()
        }


def merge(snapshots: Iterable[Snapshot]) -> Metrics:
    """Several workers' values as one."""
    total = Metrics()
    by_name = {instrument.name: instrument for instrument in total.instruments()}
    for snapshot in snapshots:
        for name, rows in snapshot.items():
            for labels, value in rows:
                _merge_value(by_name[name], tuple(labels), value)
    return total


def counters_only(snapshot: Snapshot) -> Snapshot:
    """What of a dead worker lives on: its counts, not its gauges."""
    gauges = {instrument.name for instrument in Metrics().instruments() if instrument.kind == "gauge"}
    return {name: rows for name, rows in snapshot.items() if name not in gauges}


def _merge_value(instrument: Instrument, labels: Labels, value: Any) -> None:
    if isinstance(instrument, Histogram):
        row = instrument.values.get(labels)
        instrument.values[labels] = list(value) if row is None else [a + b for a, b in zip(row, value, strict=True)]
        return
    old = instrument.values.get(labels)
    how = getattr(instrument, "how", "sum")
    if old is None:
        instrument.values[labels] = value
    elif how == "sum":
        instrument.values[labels] = old + value
    else:
        instrument.values[labels] = max(old, value) if how == "max" else min(old, value)


def families(metrics: Metrics) -> Iterable[Metric]:
    """Prometheus-client's metric families, ready for its exposition."""
    for instrument in metrics.instruments():
        if isinstance(instrument, Histogram):
            yield _histogram_family(instrument)
        else:
            family: Metric = (GaugeMetricFamily if instrument.kind == "gauge" else CounterMetricFamily)(
                instrument.name, instrument.text, labels=instrument.labels
            )
            values: Mapping[Labels, float] = instrument.values or ({(): 0} if not instrument.labels else {})
            for labels, value in values.items():
                family.add_metric(labels, value)  # type: ignore[attr-defined]
            yield family


def _histogram_family(histogram: Histogram) -> Metric:
    family = HistogramMetricFamily(histogram.name, histogram.text, labels=histogram.labels)
    edges = [*(str(float(bucket)) for bucket in histogram.buckets), "+Inf"]
    for labels, row in histogram.values.items():
        running, buckets = 0.0, []
        for edge, count in zip(edges, row, strict=False):
            running += count
            buckets.append((edge, running))
        family.add_metric(list(labels), buckets=buckets, sum_value=row[-1])
    return family
