"""Which targets are to be left alone at the moment, as this worker has seen them.

Only failures that are the target's own move a circuit (capacity, transport); a wait that the provider names is obeyed;
and a credential that was refused rests for a while with all that it opens.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from backends.errors import BackendError, Fault
from gateway.catalog.handling import Breaker
from gateway.stats.circuit import Circuit, State

CREDENTIAL_RESTS_S = 60.0
LONGEST_REST_S = 60.0
MOST_CIRCUITS = 4096
_OWN = frozenset({Fault.CAPACITY, Fault.TRANSPORT})


class Tried(Protocol):
    """A deployment, as far as its health goes."""

    @property
    def id(self) -> str:
        """`provider/model@endpoint`."""

    @property
    def breaker(self) -> Breaker:
        """When it is to be left alone."""


Told = Callable[[str, State], None]
"""Who wants to hear of a circuit that changes."""


class Health:
    """One worker's circuits. `resting` is empty as long as all is well, so that asking costs nothing."""

    def __init__(self, clock: Callable[[], float], told: Told | None = None) -> None:
        self.clock = clock
        self.resting: dict[str, Circuit] = {}
        """Circuits that are not closed, by target; refused credentials, by provider."""
        self._told = told
        self._circuits: dict[str, Circuit] = {}

    def began(self, target: Tried) -> None:
        """An attempt goes out."""
        if self.resting:
            now = self.clock()
            provider = target.id.partition("/")[0]
            for name in (target.id, provider):
                circuit = self.resting.get(name)
                if circuit is not None:
                    self._heard(name, circuit, lambda c: c.began(now))

    def succeeded(self, target: Tried) -> None:
        """It ended well, or by the caller's own fault: the target works."""
        circuit = self._circuits.get(target.id)
        if circuit is None:
            circuit = self._make(target)
        if not self.resting:
            circuit.recent += 1
            return
        now = self.clock()
        provider = target.id.partition("/")[0]
        refused = self.resting.get(provider)
        if refused is not None:
            self._heard(provider, refused, lambda c: c.succeeded(now))
        if circuit.state is State.CLOSED:
            circuit.succeeded(now)
        else:
            self._heard(target.id, circuit, lambda c: c.succeeded(now))

    def failed(self, target: Tried, error: BackendError) -> None:
        """It failed; most failures say nothing of the target's health."""
        now = self.clock()
        if error.fault is Fault.CREDENTIAL:
            provider = target.id.partition("/")[0]
            circuit = self.resting.get(provider) or Circuit(target.breaker)
            self._heard(provider, circuit, lambda c: c.rest(now + CREDENTIAL_RESTS_S))
            return
        if error.fault not in _OWN:
            return
        circuit = self._circuits.get(target.id) or self._make(target)
        circuit.breaker = target.breaker  # of the file in force
        wait_s = error.retry_after_s
        if wait_s is not None and wait_s > 0:
            self._heard(target.id, circuit, lambda c: c.rest(now + min(wait_s, LONGEST_REST_S)))
        else:
            self._heard(target.id, circuit, lambda c: c.failed(now))

    def take_in(self) -> None:
        """Called once a second: what ended well is put where it belongs in time."""
        now = self.clock()
        for circuit in self._circuits.values():
            if circuit.recent:
                circuit.take_in(now)

    def reopens_at(self, target_id: str) -> float | None:
        """When a target that is left alone may be tried; None: now."""
        now, latest = self.clock(), None
        for name in (target_id, target_id.partition("/")[0]):
            circuit = self.resting.get(name)
            if circuit is not None and not circuit.admits(now):
                latest = circuit.reopens_at if latest is None else max(latest, circuit.reopens_at)
        return latest

    def states(self) -> Mapping[str, State]:
        """Every circuit that there is."""
        return {name: circuit.state for name, circuit in self._circuits.items()}

    def _make(self, target: Tried) -> Circuit:
        if len(self._circuits) >= MOST_CIRCUITS:  # callers may name any model of a provider
            self._circuits = {name: circuit for name, circuit in self._circuits.items() if name in self.resting}
        circuit = self._circuits[target.id] = Circuit(target.breaker)
        return circuit

    def _heard(self, name: str, circuit: Circuit, change: Callable[[Circuit], None]) -> None:
        before = circuit.state
        change(circuit)
        if circuit.state is State.CLOSED:
            self.resting.pop(name, None)
        else:
            self.resting[name] = circuit
        if circuit.state is not before and self._told is not None:
            self._told(name, circuit.state)
