"""The routing file as the parent keeps it: read, checked whole, replaced only by one that is good."""

import hashlib
import time
from collections.abc import Mapping
from pathlib import Path

import structlog

from gateway.catalog.deployments import Catalogue
from gateway.metrics import Metrics
from gateway.routing.problems import RulesError
from gateway.routing.table import RoutingTable, load

LAST_GOOD = "routing_rules.last_good.yaml"


class Loader:
    """Text → RoutingTable with this process's environment; remembers which other files that took."""

    def __init__(self, path: str, environment: Mapping[str, str], catalogue: Catalogue | None) -> None:
        self._path = path
        self._environment = environment
        self._catalogue = catalogue
        self.read: frozenset[str] = frozenset()
        """Paths of the files that the last good text named."""

    def __call__(self, text: str) -> RoutingTable:
        """Raises RulesError with every fault and its place."""
        read: set[str] = set()

        def read_file(path: str) -> str:
            read.add(path)
            return Path(path).read_text(encoding="utf-8")

        table = load(
            text, path=self._path, environment=self._environment, read_file=read_file, catalogue=self._catalogue
        )
        self.read = frozenset(read)
        return table


class RulesFile:
    """The file, polled: its content is compared, which sees renames and symlink swaps that watches miss."""

    def __init__(self, path: Path, loader: Loader, data_dir: Path, log: structlog.typing.FilteringBoundLogger) -> None:
        self._path = path
        self.loader = loader
        self._last_good = data_dir / LAST_GOOD
        self._log = log
        self._seen = ""
        self._ok = True
        self._loaded_at = 0.0
        self._results: dict[str, int] = {}
        self.table: RoutingTable
        self.text = ""

    def open(self) -> None:
        """The first load. A bad file falls back on the last good one, loudly; without one RulesError comes out."""
        text = self._path.read_text(encoding="utf-8")
        self._seen = self._fingerprint(text)
        try:
            self._take(text)
        except RulesError as error:
            self._ok = False
            if not self._last_good.exists():
                raise
            self._log.error("the routing file is bad; the last good one is in force", problems=str(error))
            self._take(self._last_good.read_text(encoding="utf-8"))
            self._ok = False

    def reload(self, *, force: bool = False) -> bool:
        """Look at the file; True if another text is in force now. A bad one changes nothing and is said once."""
        try:
            text = self._path.read_text(encoding="utf-8")
        except OSError as error:
            return self._bad(f"{self._path}: {error.strerror}", fingerprint="unreadable")
        fingerprint = self._fingerprint(text)
        if fingerprint == self._seen and not force:
            return False
        try:
            self._take(text)
        except RulesError as error:
            return self._bad(str(error), fingerprint)
        self._seen = self._fingerprint(text)
        self._ok = True
        self._count("success")
        self._log.info("the routing file was reloaded", rules=self.table.hash)
        return True

    def observe(self, metrics: Metrics) -> None:
        """Put the state of the rules into the parent's metrics."""
        metrics.rules_info.values = {(self.table.hash,): 1}
        metrics.rules_ok.set((), int(self._ok))
        metrics.rules_at.set((), self._loaded_at)
        for result, count in self._results.items():
            metrics.rules_reloads.values[(result,)] = count

    def _take(self, text: str) -> None:
        self.table = self.loader(text)
        self.text = text
        self._loaded_at = time.time()
        self._write_last_good(text)
        for note in self.table.notes:
            self._log.warning("routing file: " + note)

    def _write_last_good(self, text: str) -> None:
        part = self._last_good.with_suffix(".part")
        part.write_text(text, encoding="utf-8")
        part.replace(self._last_good)

    def _bad(self, problems: str, fingerprint: str) -> bool:
        if fingerprint != self._seen:
            self._seen = fingerprint
            self._ok = False
            self._count("failure")
            self._log.error("the routing file is bad; the last good one stays in force", problems=problems)
        return False

    def _count(self, result: str) -> None:
        self._results[result] = self._results.get(result, 0) + 1

    def _fingerprint(self, text: str) -> str:
        """Of the file and of every file it reads (`include`, `${file:...}`)."""
        digest = hashlib.sha256(text.encode())
        for path in sorted(self.loader.read):
            digest.update(_content(path))
        return digest.hexdigest()


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b"unreadable"
