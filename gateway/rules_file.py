"""The routing file as the parent keeps it: read, checked whole, replaced only by one that is good."""

import glob
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
    """Text → RoutingTable, with this process's environment and catalogue."""

    def __init__(self, path: str, environment: Mapping[str, str], catalogue: Catalogue | None) -> None:
        self._path = path
        self._environment = environment
        self._catalogue = catalogue

    def __call__(self, text: str) -> RoutingTable:
        """Raises RulesError with every fault and its place."""
        return load(
            text, path=self._path, environment=self._environment, read_file=_read_text, catalogue=self._catalogue
        )


class RulesFile:
    """The file, polled: its content is compared, which sees renames and symlink swaps that watches miss."""

    def __init__(self, path: Path, loader: Loader, data_dir: Path, log: structlog.typing.FilteringBoundLogger) -> None:
        """Load it. A bad file falls back on the last good one, loudly; without one RulesError comes out."""
        self._path = path
        self.loader = loader
        self._last_good = data_dir / LAST_GOOD
        self._log = log
        self._ok = True
        self._results: dict[str, int] = {}
        self.text = path.read_text(encoding="utf-8")
        try:
            self.table = loader(self.text)
        except RulesError as error:
            if not self._last_good.exists():
                raise
            self._ok = False
            log.warning("the routing file is bad; the last good one is in force", problems=str(error))
            self.table = loader(self._last_good.read_text(encoding="utf-8"))
        self._seen = self._fingerprint(self.text)
        if not self._ok:
            self.text = self.table.text
        self._loaded_at = time.time()
        self._note()

    def reload(self, *, force: bool = False) -> bool:
        """Look at the file; True if another text is in force now. A bad one changes nothing and is said once."""
        try:
            text = self._path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            return self._bad(f"{self._path} can't be read: {type(error).__name__}", fingerprint="unreadable")
        fingerprint = self._fingerprint(text)
        if fingerprint == self._seen and not force:
            return False
        try:
            self.table = self.loader(text)
        except RulesError as error:
            return self._bad(str(error), fingerprint)
        self.text = text
        self._seen = self._fingerprint(text)
        self._ok = True
        self._loaded_at = time.time()
        self._count("success")
        self._log.info("the routing file was reloaded", rules=self.table.hash)
        self._note()
        return True

    def observe(self, metrics: Metrics) -> None:
        """Put the state of the rules into the parent's metrics."""
        metrics.rules_info.values = {(self.table.hash,): 1}
        metrics.rules_ok.set((), int(self._ok))
        metrics.rules_at.set((), self._loaded_at)
        for result, count in self._results.items():
            metrics.rules_reloads.values[(result,)] = count

    def _note(self) -> None:
        """What is in force is also the last good one."""
        for note in self.table.notes:
            self._log.warning("routing file: " + note)
        part = self._last_good.with_suffix(".part")
        part.write_text(self.text, encoding="utf-8")
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
        found = {path for pattern in self.table.include_patterns for path in glob.glob(pattern)}  # noqa: PTH207
        for path in sorted(found.union(self.table.files)):
            digest.update(path.encode() + b"\0" + _content(path))
        return digest.hexdigest()


def _read_text(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b"unreadable"
