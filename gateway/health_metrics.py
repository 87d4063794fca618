"""What the metrics say of targets' health: circuits and credentials, by configured names."""

from gateway.metrics import Labels, Metrics
from gateway.routing.table import RoutingTable
from gateway.stats.health import Health


def observe_health(metrics: Metrics, health: Health, table: RoutingTable) -> None:
    """Set the gauges anew, about once a second; a target that no line of the file names counts as `other`."""
    health.take_in()
    states: dict[Labels, float] = {}
    configured = {deployment.id for entry in table.models.values() for deployment in entry.deployments}
    for target, state in health.states().items():
        provider, _, rest = target.partition("/")
        model, _, endpoint = rest.rpartition("@")
        states[(provider, model if target in configured else "other", endpoint, str(state))] = 1
    metrics.circuit_state.values = states
    metrics.credential_up.values = {
        (name,): int(name not in health.resting) for name, provider in table.providers.items() if provider.enabled
    }
