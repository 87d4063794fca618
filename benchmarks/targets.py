"""What Headrace has set itself, held against a run. No test asserts these: a busy machine must not fail a build."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    figure: str
    at_most: float
    what: str
    unit: str


_TARGETS = (
    Target("cpu_us_per_request", 350, "CPU time per unary request", "µs"),
    Target("cpu_us_per_paced_chunk", 55, "CPU time per chunk, 1,000 open streams at 20 chunks/s", "µs"),
    Target("kb_per_stream", 60, "memory per open stream", "kB"),
    Target("idle_worker_mb", 60, "memory of an idle worker", "MB"),
    Target("ready_s", 3, "from the command to ready", "s"),
)


def told(figures: Mapping[str, float]) -> list[str]:
    """One sentence a target; none for figures that a run did not bring."""
    sentences = [_sentence(target, figures[target.figure]) for target in _TARGETS if target.figure in figures]
    late_ms = figures.get("chunk_late_p99_ms", 0.0)
    if late_ms > BUNCHED_MS:
        sentences.append(f"The figure per paced chunk is too low: chunks came bunched (p99 {late_ms:.0f} ms late).")
    return sentences


BUNCHED_MS = 50.0
"""One interval of the paced streams. Chunks later than that come in bunches that share a wake-up, and look cheap."""


def _sentence(target: Target, reached: float) -> str:
    words = f"{target.what}: {reached:.1f} {target.unit}, target at most {target.at_most:g}"
    if reached <= target.at_most:
        return f"{words}: met."
    return f"{words}: MISSED by {100 * (reached / target.at_most - 1):.0f} %."
