"""A caller who leaves stops the work: the engine's own gauge goes back to 0 within a second."""

import pytest

from tests.support.books import entry
from tests.support.caller import Caller, chat_body
from tests.support.gateway import Gateway
from tests.support.patience import eventually
from tests.vllm.engine import MODEL, Engine
from tests.vllm.words import ENDLESS

pytestmark = pytest.mark.vllm

ALL_ITS_WORDS = ENDLESS["max_tokens"]


@pytest.fixture
def generated_before(engine: Engine) -> float:
    eventually(engine.is_idle, within_s=10, what="an idle engine")
    return engine.metrics()["vllm:generation_tokens_total"]


def assert_the_work_stops(engine: Engine, generated_before: float) -> None:
    eventually(lambda: engine.running() == 0, within_s=1, what="an engine that has stopped the work")
    generated = engine.metrics()["vllm:generation_tokens_total"] - generated_before
    assert 0 < generated < ALL_ITS_WORDS


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_caller_who_leaves_a_stream_stops_the_engine(
    app: Caller, engine: Engine, generated_before: float, how: str
) -> None:
    with app.open_chat(MODEL, **ENDLESS) as wire:
        assert wire.head()[0] == 200
        next(wire.pieces())
        assert engine.running() == 1
        getattr(wire, how)()
        assert_the_work_stops(engine, generated_before)


def test_a_caller_who_leaves_a_unary_request_stops_the_engine(
    app: Caller, engine: Engine, generated_before: float
) -> None:
    with app.wire() as wire:
        app.start(wire, "POST", "/v1/chat/completions", chat_body(MODEL, **ENDLESS))
        eventually(lambda: engine.running() == 1, within_s=5, what="a request at work")
        wire.close()
        assert_the_work_stops(engine, generated_before)


def test_a_stream_that_was_left_is_in_the_ledger_with_what_had_arrived(
    app: Caller, gateway: Gateway, engine: Engine, generated_before: float
) -> None:
    with app.open_chat(MODEL, **ENDLESS) as wire:
        _, headers = wire.head()
        received = b""
        while received.count(b"data:") < 40:
            received += next(wire.pieces())
        wire.close()
        assert_the_work_stops(engine, generated_before)

    attempt = entry(gateway, headers["x-request-id"], attempts=1)["attempts"][0]
    generated = engine.metrics()["vllm:generation_tokens_total"] - generated_before
    assert (attempt["state"], attempt["source"]) == ("client_closed", "estimated")
    assert 38 <= attempt["output_tokens"] <= generated
