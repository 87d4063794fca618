"""Which exchanges go wrong, and how. Pure: the dice are a hash of the seed and the exchange's number.

The number is counted per backend, so that a request tried again has another chance, as with a real upstream, while
the same requests in the same order meet the same faults.
"""

import hashlib
import struct
from dataclasses import dataclass

from backends.sandbox.settings import SandboxSettings

_SIDES = 2.0**64


@dataclass(frozen=True, slots=True)
class Faults:
    """What befalls one exchange. A place is a share of the answer, 0 (before its first token) to 1."""

    status: int | None = None
    stall_at: float | None = None
    cut_at: float | None = None


NONE = Faults()


def throw(settings: SandboxSettings, number: int) -> Faults:
    """The faults of the exchange with this number."""
    if not settings.faulty:
        return NONE
    error, which, stall, stall_place, cut, cut_place = _dice(settings.seed, number)
    statuses = settings.errors or (500,)
    return Faults(
        status=statuses[int(which * len(statuses))] if error < settings.error_rate else None,
        # Half of the stalls come before the first token: they try another clock than those in the middle.
        stall_at=max(0.0, 2 * stall_place - 1) if stall < settings.stall_rate else None,
        cut_at=cut_place if cut < settings.cut_rate else None,
    )


def _dice(seed: int, number: int) -> tuple[float, ...]:
    digest = hashlib.blake2b(f"{seed}:{number}".encode(), digest_size=48).digest()
    return tuple(side / _SIDES for side in struct.unpack("<6Q", digest))
