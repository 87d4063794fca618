"""How long and how hard each peer is measured; leaves the measuring itself to `measure`."""

from dataclasses import asdict, dataclass, replace


@dataclass(frozen=True, slots=True)
class Plan:
    """One run: every duration is in seconds, so a run's length is known before it starts."""

    rounds: int = 3
    unary_connections: int = 64
    request_bytes: int = 1_000
    unary_warmup_s: float = 0.8
    unary_window_s: float = 3.0
    rate_window_s: float = 4.0
    burst_streams: int = 32
    burst_limit_s: float = 12.0
    stream_pace_per_s: int = 20
    stream_ramp_s: float = 2.0
    stream_window_s: float = 4.0
    stream_tail_s: float = 3.0

    def quick(self) -> "Plan":
        """One short round: shows that everything works; its figures mean little."""
        return replace(
            self,
            rounds=1,
            unary_warmup_s=0.3,
            unary_window_s=1.0,
            rate_window_s=1.0,
            burst_limit_s=6.0,
            stream_window_s=1.0,
            stream_tail_s=1.5,
        )

    def as_dict(self) -> dict[str, float]:
        return asdict(self)
