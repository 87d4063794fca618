"""What an order is: candidates put in sequence for one request."""

from collections.abc import Callable

from backends.types import ChatRequest
from gateway.catalog.deployments import Deployment
from gateway.stats.snapshot import Prospect

Dice = Callable[[], float]
"""A number from 0 up to, and without, 1."""
Order = Callable[[ChatRequest, Dice, Prospect], tuple[Deployment, ...]]
