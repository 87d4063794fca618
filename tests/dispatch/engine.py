"""A stand-in for vLLM that always says the same, token by token, and goes on with an answer as the engine does: behind
the begun text as the template leaves it, without the blanks at its end."""

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson

from backends.backend import Sink
from backends.errors import BackendError, ConnectionLost
from tests.dispatch.stage import DONE, EVENTS, Json, Story, chunk

REASONING = ("Okay", ", a", " greeting", ' with "quotes"', " and\n\nlines", " .")
ANSWER = (
    "\n\n",
    "Hel",
    "lo",
    " ",
    "wide",
    "  ",
    "\\world",
    ' "of" ',
    "\n",
    "tokens",
    "\n\n",
    "- é",
    "\u2028",
    "🦊",
    ".",
)
WHOLE = "".join(ANSWER)
THOUGHT = "".join(REASONING)


def rest_of(body: Json, answer: Sequence[str] = ANSWER) -> tuple[Sequence[str], Sequence[str]]:
    """Reasoning and answer that this request still gets."""
    if not body.get("continue_final_message"):
        return REASONING, answer
    assert body["add_generation_prompt"] is False
    assert body["chat_template_kwargs"]["enable_thinking"] is False
    begun = body["messages"][-1]
    assert begun["role"] == "assistant"
    text, whole = begun["content"], "".join(answer)
    assert text == text.rstrip()
    assert text
    start = whole.index(text)
    assert not whole[:start].strip(), "not how the answer began"
    assert THOUGHT.startswith(begun.get("reasoning", "")) or not begun.get("reasoning")
    at, left, rest = start + len(text), [], 0
    for token in answer:
        if rest >= at:
            left.append(token)
        elif rest + len(token) > at:
            left.append(token[at - rest :])
        rest += len(token)
    return (), left


def speaks(
    cut_at: int | None = None,
    *,
    how: BackendError | str = "cut",
    name: str = "1",
    answer: Sequence[str] = ANSWER,
    pace_s: float = 0.0,
    late_s: float = 0.0,
) -> Story:
    """Its answer, until so many tokens have been said: then `cut` it, `stall`, or say an error in the stream."""

    async def play(body: Json, sink: Sink) -> None:
        sink.on_head(200, EVENTS)
        await asyncio.sleep(late_s)
        thoughts, texts = rest_of(body, answer)
        more: dict[str, Any] = {"id": f"chatcmpl-{name}", "created": int(name), "model": f"model-{name}"}
        sink.on_data(chunk({"role": "assistant", "content": ""}, **more))
        deltas = [{"reasoning": text} for text in thoughts] + [{"content": text} for text in texts]
        for number, delta in enumerate(deltas):
            if number == cut_at:
                await break_off(sink, how)
            sink.on_data(chunk(delta, **more))
            await asyncio.sleep(pace_s)
        if cut_at == len(deltas):
            await break_off(sink, how)
        sink.on_data(chunk({}, "stop", **more))
        prompt = 7 + (len(REASONING) + len(answer) - len(texts) if not thoughts else 0)
        counted = {"prompt_tokens": prompt, "completion_tokens": len(deltas), "total_tokens": prompt + len(deltas)}
        assert body["stream_options"]["include_usage"] is True
        sink.on_data(chunk({}, **more, usage=counted).replace(b'"choices":[', b'"choices":[],"was":[', 1))
        sink.on_data(DONE)

    return play


async def break_off(sink: Sink, how: BackendError | str) -> None:
    if how == "cut":
        raise ConnectionLost("cut")
    if how == "stall":
        await asyncio.Event().wait()
    assert how == "error"
    told = {"error": {"message": "EngineCore died", "type": "InternalServerError", "param": None, "code": 500}}
    sink.on_data(b"data: " + orjson.dumps(told) + b"\n\n" + DONE)
