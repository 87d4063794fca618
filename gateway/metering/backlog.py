"""Records that are in the journal and not yet in Redis, held in memory within a bound."""

from collections import deque
from collections.abc import Sequence

from gateway.metering.lines import DoneLine
from gateway.store.keyspace import PARTITIONS

MOST_HELD = 10_000


class Backlog:
    """What is to be applied, by partition: numbers written, numbers applied, and the records between, if still held."""

    def __init__(self, last: Sequence[int] = (0,) * PARTITIONS, most_held: int = MOST_HELD) -> None:
        self.last = list(last)
        """Number of the last record written."""
        self.applied = [0] * PARTITIONS
        """Number of the last record that Redis has, as far as we know."""
        self.behind: dict[int, float] = {}
        """Partitions with something to apply, and since when."""
        self._held: list[deque[DoneLine]] = [deque() for _ in range(PARTITIONS)]
        self._count = 0
        self._most_held = most_held

    @property
    def pending_records(self) -> int:
        """How many records Redis has not applied yet."""
        return sum(self.last[partition] - self.applied[partition] for partition in self.behind)

    def oldest_pending_s(self, now: float) -> float:
        """Age of the oldest of them (at most: it may be younger)."""
        return max((now - since for since in self.behind.values()), default=0.0)

    def add(self, done: DoneLine) -> None:
        """A record that has just been written. It is held only in one unbroken run, and within the bound."""
        partition = done.partition
        held = self._held[partition]
        self.last[partition] = done.seq
        self.behind.setdefault(partition, done.written_at)
        if self._count < self._most_held and (not held or held[-1].seq == done.seq - 1):
            held.append(done)
            self._count += 1

    def expect_nothing_applied(self, now: float) -> None:
        """For a journal of a dead process: until Redis has said what it has, all is pending."""
        for partition, last in enumerate(self.last):
            if last:
                self.behind.setdefault(partition, now)

    def next_held(self, partition: int, most: int) -> list[DoneLine] | None:
        """The records that follow what is applied; None: they are on disk alone."""
        held = self._held[partition]
        if not held or held[0].seq != self.applied[partition] + 1:
            return None
        return [held[index] for index in range(min(most, len(held)))]

    def set_applied(self, partition: int, number: int, now: float) -> None:
        """What Redis says it has: more than we thought, or less."""
        self.applied[partition] = number
        held = self._held[partition]
        while held and held[0].seq <= number:
            held.popleft()
            self._count -= 1
        if number >= self.last[partition]:
            self.behind.pop(partition, None)
        elif held and held[0].seq == number + 1:
            self.behind[partition] = held[0].written_at
        else:
            self.behind.setdefault(partition, now)
