"""The mock itself: the yardstick for added latency, and for what load and mock can do by themselves."""

from benchmarks.peers.peer import SHARED_RATES, Capacity, Place, Running


class Direct:
    name = "direct"
    does = "no gateway: the load speaks to the mock upstream, both on one core"
    carries = Capacity(rates_per_s=SHARED_RATES)

    def prepare(self) -> str:
        return ""

    def start(self, place: Place) -> Running:
        return Running(port=place.mock_port)
