"""What the gateway's ledger says was used is what the engine itself counted."""

from typing import Any

import pytest

from tests.support.books import Row, usage_of_key
from tests.support.gateway import Gateway
from tests.support.patience import eventually
from tests.vllm.conftest import PRICE
from tests.vllm.engine import MODEL, Engine
from tests.vllm.words import WEATHER

pytestmark = pytest.mark.vllm

LONG_PROMPT = [{"role": "user", "content": "river stone cloud garden window paper " * 60}]
"""Longer than two blocks of the engine's prefix cache (128 tokens each): the second time, a part of it is cached."""
REQUESTS: list[dict[str, Any]] = [
    {},
    {"stream": True},
    {"stream": True, "stream_options": {"include_usage": True}},
    {"reasoning_effort": "none"},
    {"stream": True, "tools": [WEATHER]},
    {"stream": True, "max_tokens": 200, "ignore_eos": True},
    {"messages": LONG_PROMPT},
    {"messages": LONG_PROMPT, "stream": True},
]
PER_MILLION = 1_000_000


def used(row: Row) -> tuple[int, int]:
    """(prompt, completion) tokens of a usage row, whose classes do not overlap."""
    return row["input_tokens"] + row["cached_input_tokens"], row["output_tokens"] + row["reasoning_tokens"]


def counted(engine: Engine) -> tuple[int, int]:
    """(prompt, completion) tokens as the engine counts them."""
    numbers = engine.metrics()
    return int(numbers["vllm:prompt_tokens_total"]), int(numbers["vllm:generation_tokens_total"])


def test_the_ledger_has_exactly_what_the_engine_counted(gateway: Gateway, engine: Engine) -> None:
    eventually(engine.is_idle, within_s=10, what="an idle engine")
    created = gateway.create_key()
    app = gateway.caller(created["key"])
    before = counted(engine)

    for fields in REQUESTS:
        answer = app.chat(MODEL, **fields)
        assert answer.status == 200, answer.body

    row = usage_of_key(gateway, created["id"], until=lambda row: row["requests"] == len(REQUESTS))
    eventually(engine.is_idle, within_s=10, what="an idle engine")
    after = counted(engine)
    assert used(row) == (after[0] - before[0], after[1] - before[1])
    assert row["cached_input_tokens"] > 0
    assert row["reasoning_tokens"] > 0
    assert (row["attempts"], row["errors"]) == (len(REQUESTS), 0)


def test_two_choices_are_billed_as_the_engines_answer_says(gateway: Gateway) -> None:
    created = gateway.create_key()
    usage = gateway.caller(created["key"]).chat(MODEL, n=2).json["usage"]

    row = usage_of_key(gateway, created["id"], until=lambda row: row["requests"] == 1)
    # The prompt once, though the engine's own counter adds it once per choice.
    assert used(row) == (usage["prompt_tokens"], usage["completion_tokens"])


def test_the_ledgers_cost_is_the_engines_tokens_at_the_targets_price(gateway: Gateway) -> None:
    created = gateway.create_key()
    answer = gateway.caller(created["key"]).chat(MODEL)

    usage = answer.json["usage"]
    assert usage["prompt_tokens_details"]["cached_tokens"] == 0
    cost = (usage["prompt_tokens"] * PRICE["input"] + usage["completion_tokens"] * PRICE["output"]) / PER_MILLION
    row = usage_of_key(gateway, created["id"], until=lambda row: row["requests"] == 1)
    assert float(row["cost_usd"]) == pytest.approx(cost, abs=1e-12)
    assert float(answer.headers["x-headrace-cost-usd"]) == pytest.approx(cost, abs=1e-12)
