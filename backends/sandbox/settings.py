"""What can be ordered of a sandbox: its pace and its faults."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """A sandbox provider's part of the routing file. The defaults are an upstream that answers at once and never fails.

    Rates are shares of the exchanges, from 0 to 1, each with dice of its own.
    """

    ttft_s: float = 0.0
    """From the request to the first token."""
    tokens_per_second: float | None = None
    """None or 0: as fast as the caller reads."""
    error_rate: float = 0.0
    errors: tuple[int, ...] = ()
    """The statuses that `error_rate` picks from; none means 500."""
    stall_rate: float = 0.0
    """Exchanges that hang until they are cancelled: unary ones before the head, streams before or after a token."""
    cut_rate: float = 0.0
    """Exchanges whose connection is lost after the head and before the end."""
    seed: int = 0

    @property
    def faulty(self) -> bool:
        """Whether any fault is on order."""
        return bool(self.error_rate or self.stall_rate or self.cut_rate)
