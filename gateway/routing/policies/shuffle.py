"""A random order in which weight decides who is likely to come first."""

from collections.abc import Callable, Sequence
from math import log

from gateway.catalog.deployments import Deployment


def shuffled(deployments: Sequence[Deployment], dice: Callable[[], float]) -> list[Deployment]:
    """Each place is given to one of those left, with a chance in proportion to its weight.

    Exponential clocks: the one with rate w rings first with chance w / Σw, and so on for those left
    (Efraimidis and Spirakis, 2006).
    """
    if len(deployments) < 2:
        return list(deployments)
    keyed = [(-log(1.0 - dice()) / deployment.weight, i) for i, deployment in enumerate(deployments)]
    keyed.sort()
    return [deployments[i] for _, i in keyed]
