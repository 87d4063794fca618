"""What every peer tells the benchmark: how to get it, how to start it, how to speak to it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from benchmarks import payloads, procstat
from benchmarks.child import Child
from benchmarks.loopback import wait_until_ok

SHARED_RATES = (500, 1_000, 2_000, 4_000)
"""Requests per second at which latency is drawn, for all who can carry most of them."""
CHAT_PATH = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a peer is started: its cores, the mock behind it, a folder for its files."""

    cores: frozenset[int]
    mock_port: int
    folder: Path


@dataclass(frozen=True, slots=True)
class Running:
    """A peer that answers. Without a child it is the bare upstream, whose cost is nobody's."""

    port: int
    child: Child | None = None
    ready_s: float = 0.0
    path: str = CHAT_PATH
    headers: Mapping[str, str] = field(default_factory=dict)
    workers: Sequence[int] = ()
    """The processes that serve, for the memory of an idle worker."""
    model: str = payloads.MODEL
    """What it calls the mock's model."""
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Capacity:
    """What one core can carry of the load. A slower peer gets less, and the table says so: it is not to be drowned."""

    open_streams: int = 1_000
    rate_per_s: int = 100
    burst_chunks: int = 500
    """Chunks of each stream that comes as fast as possible: bounds the time that a slow peer takes."""
    connections: int = 64
    """At most so many at once, for unary requests and bursts: beyond that it would come to a standstill."""
    rounds: int = 99
    """At most so many: a peer that is ten times off needs no fifth look, and those that are close get the time."""
    rates_per_s: Sequence[int] = ()
    """Rates at which its latency is drawn; none for those whose line would leave the page."""


class Peer(Protocol):
    name: str
    does: str
    """What it does for each request while it is measured; a table without this compares unlike things."""
    carries: Capacity

    def prepare(self) -> str:
        """Install what is missing, and give its version; `Unavailable` when that can't be."""

    def start(self, place: Place) -> Running:
        """Start it, pinned, and return when it has answered through to the upstream."""


def clean_environment(**more: str) -> dict[str, str]:
    """What a peer needs of our environment and no more: no proxies, no keys, nothing that changes how it runs."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONUNBUFFERED": "1", **more}


def await_chat(
    child: Child, port: int, headers: Mapping[str, str], *, limit_s: float = 90.0, model: str = payloads.MODEL
) -> float:
    """Ready means: a chat request came back whole from the upstream behind it."""
    probe = payloads.request_body(200, model)
    return wait_until_ok(child, port, "POST", CHAT_PATH, headers=headers, body=probe, limit_s=limit_s)


def descendants(child: Child) -> list[int]:
    return procstat.tree(child.pid)[1:]
