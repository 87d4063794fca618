"""How long and how hard each peer is measured; leaves the measuring itself to others."""

from dataclasses import asdict, dataclass, replace


@dataclass(frozen=True, slots=True)
class Plan:
    """One run: every duration is in seconds, so a run's length is known before it starts."""

    rounds: int = 5
    equal_rounds: bool = False
    """Whether peers that are far from the others get as many rounds as those that are close."""
    unary_connections: int = 64
    request_bytes: int = 1_000
    unary_warmup_s: float = 0.6
    unary_window_s: float = 2.0
    small_body_bytes: int = 8_000
    large_body_bytes: int = 100_000
    body_warmup_s: float = 0.3
    body_window_s: float = 1.2
    rate_window_s: float = 3.0
    burst_streams: int = 32
    burst_limit_s: float = 12.0
    stream_pace_per_s: int = 20
    stream_ramp_s: float = 1.5
    stream_window_s: float = 3.0
    stream_tail_s: float = 1.5
    sweep_window_s: float = 1.5
    workers_rounds: int = 3
    workers_window_s: float = 2.5
    many_streams: int = 10_000
    many_pace_per_s: int = 1
    many_ramp_s: float = 8.0
    many_window_s: float = 15.0
    many_tail_s: float = 3.0
    long_requests: int = 0
    """0: no long run."""
    long_aborts: int = 0
    long_legs: int = 10
    """How often memory is looked at during each long run."""

    def bodies(self) -> dict[str, int]:
        """Unary requests of other sizes, by the name of their part in a round."""
        return {"unary_8kb": self.small_body_bytes, "unary_100kb": self.large_body_bytes}

    def quick(self) -> "Plan":
        """One short round: shows that everything works; its figures mean little."""
        return replace(
            self,
            rounds=1,
            unary_warmup_s=0.3,
            unary_window_s=1.0,
            body_window_s=0.5,
            rate_window_s=1.0,
            burst_limit_s=6.0,
            stream_window_s=1.0,
            sweep_window_s=0.5,
            workers_rounds=1,
            workers_window_s=1.0,
            many_streams=1_000,
            many_ramp_s=2.0,
            many_window_s=2.0,
        )

    def at_length(self, requests: int, aborts: int) -> "Plan":
        """With the long run, all rounds for everybody, and many streams held open for a whole minute."""
        return replace(self, equal_rounds=True, long_requests=requests, long_aborts=aborts, many_window_s=60.0)

    def rounds_of(self, at_most: int) -> int:
        """Rounds for a peer that asks for no more than so many."""
        return self.rounds if self.equal_rounds else min(self.rounds, at_most)

    def as_dict(self) -> dict[str, float]:
        return asdict(self)
