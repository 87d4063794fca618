"""What an ended attempt adds to the metrics."""

from backends.types import Usage
from gateway.metering.records import EndState, UsageRecord
from gateway.metrics import Metrics

_NANO = 1_000_000_000


def observe(metrics: Metrics, label: str, record: UsageRecord) -> None:
    """Count one attempt; `label` is the model's configured name."""
    start, ending = record.start, record.ending
    of = (label, start.provider)
    metrics.attempts.add((start.provider, str(ending.state)))
    metrics.upstream_seconds.observe(of, ending.duration_s)
    if ending.ttft_s is not None and start.stream:
        metrics.upstream_first_token_seconds.observe(of, ending.ttft_s)
        generated = record.usage.output + record.usage.reasoning
        if ending.state is EndState.COMPLETE and generated > 1:
            metrics.per_token_seconds.observe(of, (ending.duration_s - ending.ttft_s) / (generated - 1))
    for kind, count in zip(Usage._fields, record.usage, strict=False):
        if count:
            metrics.tokens.add((*of, kind), count)
    if record.cost_nano is None:
        metrics.unpriced.add()
    elif record.cost_nano:
        metrics.cost_usd.add((*of, start.team or "", str(record.source)), record.cost_nano / _NANO)
