"""Who of two attempts under way may speak to the caller: the first that has something to show, and nobody after it.

An error shows nothing, nor does a role or a comment. Attempts go by their numbers.
"""

from gateway.dispatch.clocks import HedgeLost, Watch


class Floor:
    """One call's, while it may have two attempts at once."""

    __slots__ = ("_watches", "sent_at", "under_way", "winner")

    def __init__(self, sent_at: float) -> None:
        self.sent_at = sent_at
        """Monotonic seconds: when the first of them went out."""
        self.winner: int | None = None
        self.under_way: set[int] = set()
        """Those that may yet win."""
        self._watches: dict[int, Watch] = {}

    def enter(self, number: int, watch: Watch) -> None:
        """This one is about to be sent. Raises HedgeLost where that is too late."""
        self.check(number)
        self._watches[number] = watch

    def leave(self, number: int) -> None:
        """Its exchange is over."""
        self._watches.pop(number, None)

    def check(self, number: int) -> None:
        """Raises HedgeLost for the one that was too late."""
        if self.winner is not None and self.winner != number:
            raise HedgeLost

    def claim(self, number: int) -> None:
        """This one has something to show, and the other is ended at once. Raises HedgeLost where that is too late."""
        self.check(number)
        if self.winner is None:
            self.winner = number
            self.under_way = {number}
            for other, watch in list(self._watches.items()):
                if other != number:
                    watch.lose()

    def has_another(self, number: int) -> bool:
        """Somebody besides this one may yet answer, or does."""
        return bool(self.under_way - {number})

    def keeps_alive(self, number: int) -> bool:
        """Whether this one is to tell the caller that we are still here: one of them does."""
        return number == min(self._watches, default=number)
