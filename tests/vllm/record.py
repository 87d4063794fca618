"""Record what the real engine says into tests/fixtures/vllm/, for the adapter's unit tests.

    VLLM_TEST_VENV=.venv-vllm python -m tests.vllm.record

Each scenario is two files: NAME.json (the request, the status, the headers that matter) and NAME.body, as it came.
Run it when the engine's lock moves, and read the difference.
"""

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from tests.support.caller import Answer, Caller, chat_body
from tests.support.gateway import ROOT, processes_below
from tests.support.patience import eventually
from tests.vllm.engine import MODEL, SLOTS, Engine
from tests.vllm.words import ENDLESS, WEATHER

FIXTURES = ROOT / "tests" / "fixtures" / "vllm"
KEPT_HEADERS = ("content-type", "retry-after", "www-authenticate")
HI: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}]}
STREAM: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
NO_THINKING = {"chat_template_kwargs": {"enable_thinking": False}}
NAMED = {"type": "function", "function": {"name": "get_weather"}}
SCHEMA = {"type": "object", "properties": {"city": {"enum": ["Paris", "Rome"]}}, "required": ["city"]}
JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}}

CHATS: dict[str, dict[str, Any]] = {
    "unary": {},
    "unary_length_in_reasoning": {"max_tokens": 5},
    "unary_no_thinking": {"reasoning_effort": "none"},
    "unary_two_choices": {"n": 2},
    "unary_tools_auto": {"tools": [WEATHER]},
    "unary_tools_required": {"tools": [WEATHER], "tool_choice": "required", **NO_THINKING},
    "unary_tools_named": {"tools": [WEATHER], "tool_choice": NAMED, **NO_THINKING},
    "unary_json_schema": {"response_format": JSON_SCHEMA, **NO_THINKING},
    "stream": STREAM,
    "stream_without_usage": {"stream": True},
    "stream_no_thinking": {**STREAM, "reasoning_effort": "none"},
    "stream_two_choices": {**STREAM, "n": 2},
    "stream_tools_auto": {**STREAM, "tools": [WEATHER]},
    "stream_tools_required": {**STREAM, "tools": [WEATHER], "tool_choice": "required", **NO_THINKING},
    "error_prompt_too_long": {"messages": [{"role": "user", "content": "hello " * 3000}]},
    "error_max_tokens_too_long": {"max_tokens": 5000},
    "error_prompt_too_long_stream": {"messages": [{"role": "user", "content": "hello " * 3000}], **STREAM},
    "error_wrong_type": {"max_tokens": "many"},
    "error_temperature": {"temperature": -1},
    "error_model": {"model": "nope"},
}


def main() -> None:
    """Two engines after each other: one that answers, refuses and drains, and one that dies."""
    venv = Path(os.environ["VLLM_TEST_VENV"]).resolve()
    FIXTURES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as directory,
        Engine(venv, Path(directory), "--max-num-queued-reqs", "2") as engine,
    ):
        record_answers(engine)
        record_full_queue(engine)
        record_draining(engine)
    with tempfile.TemporaryDirectory() as directory, Engine(venv, Path(directory)) as engine:
        record_death(engine)


def record_answers(engine: Engine) -> None:
    """Every chat of the table, and the errors that are not about a chat."""
    for name, fields in CHATS.items():
        body = {"model": MODEL, **HI, **fields}
        keep(name, body, engine.direct.post("/v1/chat/completions", body))
    stranger = Caller(engine.base_url, "wrong")
    keep("error_key", chat_body(MODEL, **HI), stranger.chat(MODEL, **HI))
    keep("error_path", {}, engine.direct.post("/v1/nope", {}))


def record_full_queue(engine: Engine) -> None:
    """One long stream after another, until the engine takes no more."""
    with contextlib.ExitStack() as callers:
        for _ in range(3 * SLOTS):
            wire = callers.enter_context(engine.direct.open_chat(MODEL, **ENDLESS))
            status, headers = wire.head()
            if status != 200:
                keep("error_queue_full", chat_body(MODEL, stream=True), Answer(status, headers, next(wire.pieces())))
                break
    eventually(engine.is_idle, within_s=10, what="an idle engine")


def record_draining(engine: Engine) -> None:
    """SIGTERM with a stream under way: a new request is refused while the old one goes on."""
    with engine.direct.open_chat(MODEL, **ENDLESS) as wire:
        wire.head()
        next(wire.pieces())
        engine.terminate()
        refused = eventually(lambda: _refused(engine), within_s=5, what="a draining engine")
        assert refused is not None
        keep("error_draining", chat_body(MODEL, **HI), refused)


def _refused(engine: Engine) -> Answer | None:
    answer = engine.direct.chat(MODEL, max_tokens=1, **HI)
    return answer if answer.status != 200 else None


def record_death(engine: Engine) -> None:
    """The worker process is killed in mid-stream: the error comes inside the 200."""
    body = chat_body(MODEL, **HI, **ENDLESS, stream=True)
    with engine.direct.wire() as wire:
        engine.direct.start(wire, "POST", "/v1/chat/completions", body)
        status, headers = wire.head()
        pieces = wire.pieces()
        received = b""
        while b"Hello" not in received:
            received += next(pieces)
        for pid, _ in processes_below(engine.pid):
            for worker, _ in processes_below(pid):
                os.kill(worker, 9)
        received += b"".join(pieces)
    events = received.split(b"\n\n")
    middle = slice(20, -4)  # its endless words, whose number is chance
    del events[middle]
    keep("stream_engine_death", body, Answer(status, headers, b"\n\n".join(events)))


def keep(name: str, request: Any, answer: Answer) -> None:
    """Write one scenario."""
    headers = {name: answer.headers[name] for name in KEPT_HEADERS if name in answer.headers}
    about = {"request": _short(request), "status": answer.status, "headers": headers}
    (FIXTURES / f"{name}.json").write_text(json.dumps(about, indent=2) + "\n")
    (FIXTURES / f"{name}.body").write_bytes(answer.body)
    print(f"{name}: {answer.status}, {len(answer.body)} bytes")


def _short(request: Any) -> Any:
    """A very long prompt stands in its file as its first words."""
    text = json.dumps(request)
    return request if len(text) < 2000 else json.loads(text.replace("hello " * 2990, ""))


if __name__ == "__main__":
    main()
