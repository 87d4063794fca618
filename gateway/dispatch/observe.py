"""What an ended attempt adds to the metrics."""

from backends.types import Usage
from gateway.metering.records import EndState, Source, UsageRecord
from gateway.metrics import Metrics, Tally
from gateway.stats.book import Book, Ended


def observe(metrics: Metrics, book: Book, tally: Tally, label: str, record: UsageRecord) -> None:
    """Count one attempt; `label` is the model's configured name."""
    start, ending = record.start, record.ending
    if ending.state is EndState.COMPLETE:
        book.saw(
            Ended(
                start.target,
                label,
                start.key_id,
                ending.ttft_s if start.stream else None,
                ending.duration_s,
                record.usage.completion,
                record.source is Source.PROVIDER,
            )
        )
    tally.attempts[ending.state] += 1
    tally.upstream_took(ending.duration_s)
    if start.stream and ending.ttft_s is not None:
        _observe_stream(metrics, (label, start.provider), record, ending.ttft_s)
    for kind, count in zip(Usage._fields, record.usage, strict=False):
        if count:
            tally.tokens[kind] += count
    if record.cost_nano is None:
        tally.unpriced += 1
    elif record.cost_nano:
        tally.cost_nano[record.source] += record.cost_nano


def count_hedge(metrics: Metrics, outcome: str) -> None:
    """Count one second attempt: it `won`, `lost`, or `failed`."""
    metrics.hedges.add((outcome,))


def _observe_stream(metrics: Metrics, of: tuple[str, str], record: UsageRecord, ttft_s: float) -> None:
    metrics.upstream_first_token_seconds.observe(of, ttft_s)
    generated = record.usage.output + record.usage.reasoning
    if record.ending.state is EndState.COMPLETE and generated > 1:
        metrics.per_token_seconds.observe(of, (record.ending.duration_s - ttft_s) / (generated - 1))
