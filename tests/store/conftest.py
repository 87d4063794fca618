"""A real Valkey of our own making: the embedded one, which is itself under test here."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store.embedded import EmbeddedValkey


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey()
    server.start(tmp_path)
    yield server
    server.stop()
