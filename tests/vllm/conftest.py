"""One real engine and one real gateway in front of it, for the whole session (`make test-vllm`)."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import OpenAI

from tests.support.caller import Caller
from tests.support.gateway import Gateway
from tests.vllm.engine import ENGINE_KEY, MODEL, Engine

PRICE = {"input": 0.10, "output": 0.30}
"""USD per million tokens: 100 and 300 nano-dollars a token."""


@pytest.fixture(scope="session")
def engine_venv() -> Path:
    """The environment that scripts/test_vllm.sh has made."""
    named = os.environ.get("VLLM_TEST_VENV")
    if not named:
        pytest.skip("needs the real engine: make test-vllm")
    return Path(named)


@pytest.fixture(scope="session")
def engine(engine_venv: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with Engine(engine_venv, tmp_path_factory.mktemp("engine")) as running:
        yield running


@pytest.fixture(scope="session")
def gateway(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    rules = {
        "version": 1,
        "providers": {
            "qwen": {"protocol": "vllm", "endpoints": [f"{engine.base_url}/v1"], "api_key": "${ENGINE_SECRET}"}
        },
        "models": {MODEL: {"targets": [{"provider": "qwen", "model": MODEL, "price": PRICE}]}},
    }
    directory = tmp_path_factory.mktemp("gateway")
    running = Gateway(directory, rules, environment={"ENGINE_SECRET": ENGINE_KEY})
    running.secrets.append(ENGINE_KEY)
    try:
        running.start()
        yield running
        assert "Traceback" not in running.stderr, running.stderr[-6000:]
        running.stop()
    finally:
        running.kill()


@pytest.fixture
def app(gateway: Gateway) -> Caller:
    """An application with a fresh key, byte by byte."""
    return gateway.caller()


@pytest.fixture
def client(gateway: Gateway) -> Iterator[OpenAI]:
    """The official client with a fresh key."""
    with OpenAI(base_url=f"{gateway.base_url}/v1", api_key=gateway.key(), max_retries=0, timeout=30) as openai:
        yield openai
