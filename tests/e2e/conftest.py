"""What the end-to-end tests share: one fake provider, one gateway for all that leave it as they found it."""

import asyncio
import inspect
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import rules, scripts
from tests.support.caller import Caller
from tests.support.gateway import Gateway, free_port
from tests.support.hole import Hole
from tests.support.upstream import Upstream

MakeGateway = Callable[..., Gateway]
ENVIRONMENT = {"HEADRACE_MAX_BODY_MB": "4", "HEADRACE_CORS_ORIGINS": "https://chat.example"}


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run tests that are coroutines (LangChain's are) without a plugin's opinion on event loops."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.fixture(scope="session")
def upstream() -> Iterator[Upstream]:
    with Upstream(default=scripts.as_asked()) as server:
        yield server


@pytest.fixture(scope="session")
def hole() -> Iterator[Hole]:
    with Hole() as nobody:
        yield nobody


@pytest.fixture(scope="session")
def gateway(upstream: Upstream, hole: Hole, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Two workers, short clocks; its log must not show a crash either."""
    document = rules.document(upstream.port, dead_port=free_port(), hole_port=hole.port)
    shared = Gateway(tmp_path_factory.mktemp("gateway"), document, environment=ENVIRONMENT)
    try:
        yield shared.start()
        assert "Traceback" not in shared.stderr, shared.stderr[-6000:]
        shared.stop()
    finally:
        shared.kill()


@pytest.fixture
def make_gateway(tmp_path: Path) -> Iterator[MakeGateway]:
    """Gateways of a test's own, not yet started; killed at the end if the test has not stopped them."""
    made: list[Gateway] = []

    def make(document: Any, **options: Any) -> Gateway:
        made.append(Gateway(tmp_path / options.pop("name", f"gateway-{len(made)}"), document, **options))
        return made[-1]

    yield make
    for each in made:
        each.kill()


@pytest.fixture
def app(gateway: Gateway) -> Caller:
    """An application with a fresh key, on the shared gateway."""
    return gateway.caller()


@pytest.fixture(scope="session")
def numbers() -> Iterator[int]:
    return itertools.count(1)


@pytest.fixture
def model(numbers: Iterator[int]) -> str:
    """A model name nobody else asks for; served by provider alpha."""
    return f"t-{next(numbers)}"


@pytest.fixture
def pair(numbers: Iterator[int]) -> str:
    """A model name nobody else asks for; served by alpha and, failing that, by beta."""
    return f"pair-{next(numbers)}"
