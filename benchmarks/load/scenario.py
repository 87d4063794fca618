"""What a load process is told and how figures are summed up; one value that travels as JSON on standard input."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from benchmarks import procstat


@dataclass(frozen=True, slots=True)
class Scenario:
    """One measurement of one peer. Fields that a kind does not use stay at their defaults."""

    kind: str
    port: int
    path: str
    headers: Mapping[str, str]
    body: str
    pid: int | None = None
    """Root of the process tree whose CPU time and memory are read; none for the bare upstream."""
    connections: int = 1
    warmup_s: float = 0.0
    window_s: float = 1.0
    rate_per_s: float = 100.0
    ramp_s: float = 1.0
    chunks: int = 0
    """Chunks that each stream must bring."""
    count: int = 0
    """Requests or streams in all, for kinds that go by number and not by time."""
    limit_s: float = 30.0
    """When to give up on what has not ended."""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Scenario":
        return cls(**json.loads(text))

    def request(self) -> bytes:
        body = self.body.encode()
        lines = [f"POST {self.path} HTTP/1.1", f"host: 127.0.0.1:{self.port}", "content-type: application/json"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines.append(f"content-length: {len(body)}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def cpu_seconds(self) -> float:
        return procstat.cpu_seconds(self.pid) if self.pid is not None else 0.0

    def pss_bytes(self) -> int:
        return procstat.pss_bytes(self.pid) if self.pid is not None else 0


def cost_each(name: str, cpu_s: float, count: int) -> dict[str, float]:
    """CPU time for each of what was served; left out when nothing was, rather than told as a number."""
    return {name: cpu_s * 1e6 / count} if count else {}


def quantile_ms(samples_s: Sequence[float], q: float) -> float:
    """The nearest-rank quantile, in milliseconds."""
    ordered = sorted(samples_s)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))] * 1000


def quantiles_ms(name: str, samples_s: Sequence[float]) -> dict[str, float]:
    """Median and p99; left out without samples, since a 0 would look like the fastest of all."""
    if not samples_s:
        return {}
    return {f"{name}_p50_ms": quantile_ms(samples_s, 0.5), f"{name}_p99_ms": quantile_ms(samples_s, 0.99)}
