"""One gateway in front of every protocol's stand-in, for all clients."""

from collections.abc import Iterator

import pytest

from tests.clients import stage
from tests.support.gateway import Gateway
from tests.support.upstream import Upstream


@pytest.fixture(scope="session")
def stand_ins() -> Iterator[Upstream]:
    with Upstream(default=stage.play) as server:
        yield server


@pytest.fixture(scope="session")
def fronted(stand_ins: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    gateway = Gateway(tmp_path_factory.mktemp("clients"), stage.document(stand_ins.port), workers=1)
    try:
        yield gateway.start()
        assert "Traceback" not in gateway.stderr, gateway.stderr[-6000:]
        gateway.stop()
    finally:
        gateway.kill()


@pytest.fixture(scope="session")
def api_key(fronted: Gateway) -> str:
    return fronted.key()


@pytest.fixture(params=stage.PROTOCOLS)
def model(request: pytest.FixtureRequest) -> str:
    """The model of each protocol."""
    return str(request.param)
