"""An in-process stand-in for a model: it speaks OpenAI's format, chat and the routes beside it, with a pace and
faults to order.

It is what `make serve` answers with while nothing else is configured, and what load tests run against. Every answer
says that it comes from a sandbox. Translation, failover and money are other rooms' business: they treat it like any
upstream.
"""

from backends.sandbox.backend import SandboxBackend
from backends.sandbox.settings import SandboxSettings

__all__ = ["SandboxBackend", "SandboxSettings"]
