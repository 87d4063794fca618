"""What the engine refuses, as an application sees it through the gateway."""

import re

import openai
import pytest
from openai import OpenAI

from tests.support.caller import Caller
from tests.support.gateway import Gateway
from tests.vllm.engine import CONTEXT_WINDOW, MODEL

pytestmark = pytest.mark.vllm

TOO_LONG = [{"role": "user", "content": "hello " * 3000}]


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_a_prompt_over_the_context_window_is_a_400_with_its_numbers(app: Caller, stream: bool) -> None:
    answer = app.chat(MODEL, messages=TOO_LONG, stream=stream)

    assert answer.status == 400
    assert answer.headers["x-should-retry"] == "false"
    assert answer.error["code"] == "context_length_exceeded"
    numbers = [int(number) for number in re.findall(r"\d+", answer.error["message"])]
    assert CONTEXT_WINDOW in numbers
    assert max(numbers) > CONTEXT_WINDOW
    assert "hello hello" not in answer.body.decode()


def test_more_output_than_the_context_window_is_a_400_with_its_numbers(app: Caller) -> None:
    answer = app.chat(MODEL, max_tokens=5000)

    assert (answer.status, answer.error["code"]) == (400, "context_length_exceeded")
    assert "5000" in answer.error["message"]
    assert str(CONTEXT_WINDOW) in answer.error["message"]


def test_the_official_client_raises_its_own_error_for_an_overflow(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "hello " * 3000}])

    assert caught.value.code == "context_length_exceeded"


def test_a_field_that_the_engine_refuses_is_the_callers_mistake(app: Caller) -> None:
    answer = app.chat(MODEL, temperature=-1)

    assert answer.status == 400
    assert "temperature" in answer.error["message"]


def test_the_worker_serves_on_after_refusals(app: Caller, gateway: Gateway) -> None:
    for _ in range(4):
        assert app.chat(MODEL, messages=TOO_LONG).status == 400

    assert app.chat(MODEL, max_tokens=1).status == 200
