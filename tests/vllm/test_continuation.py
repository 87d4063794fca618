"""Two replicas of the real engine: an answer of the one, cut anywhere or killed, is gone on with by the other, and the
joined text is the uncut one."""

import contextlib
import json
import os
import re
import signal
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import pytest

from tests.support.books import entry
from tests.support.caller import Answer, sse_data
from tests.support.gateway import Gateway
from tests.support.patience import eventually
from tests.vllm.conftest import PRICE
from tests.vllm.engine import ENGINE_KEY, MODEL, Engine
from tests.vllm.words import ANSWER_AFTER_REASONING, REASONED_ANSWER_TOKENS, REASONING

pytestmark = pytest.mark.vllm

HI: list[Any] = [{"role": "user", "content": "hi"}]
WORDS = re.compile(r"\n\n| ?\w+|\W")
PIECES = len(WORDS.findall(REASONING)) + len(WORDS.findall(ANSWER_AFTER_REASONING))


class Scissors(ThreadingHTTPServer):
    """A proxy in front of an engine: it hangs up after so many words."""

    daemon_threads = True

    def __init__(self, engine_port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Cut)
        self.engine_port = engine_port
        self.after = 0
        self.told = 0

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.05,), name="scissors", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Cut(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Scissors

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        engine = HTTPConnection("127.0.0.1", self.server.engine_port, timeout=30)
        with contextlib.closing(engine):
            engine.request("POST", self.path, body, dict(self.headers.items()))
            answer = engine.getresponse()
            self.send_response(answer.status)
            self.send_header("content-type", answer.headers["content-type"])
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            self.close_connection = True
            self.server.told = 0
            for line in answer:
                for piece in _one_word_each(line):
                    if piece is not line:
                        if self.server.told == self.server.after:
                            return  # without the last chunk, which would say that all has come
                        self.server.told += 1
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's name
        pass


def _one_word_each(line: bytes) -> list[bytes]:
    """A busy engine puts several tokens into one event; here each word gets its own, so that all can be counted."""
    if not line.startswith(b"data: {"):
        return [line]
    event = json.loads(line[6:])
    parts = [
        {**event, "choices": [{**choice, "delta": {name: word}}]}
        for choice in event["choices"]
        for name in ("reasoning", "content")  # both in one, where the one ends and the other begins
        for word in WORDS.findall(choice["delta"].get(name) or "")
    ]
    return [b"data: %b\n\n" % json.dumps(part).encode() for part in parts] or [line]


@pytest.fixture(scope="module")
def other_engine(engine_venv: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with Engine(engine_venv, tmp_path_factory.mktemp("other_engine")) as running:
        yield running


@pytest.fixture(scope="module")
def scissors(other_engine: Engine) -> Iterator[Scissors]:
    with Scissors(other_engine.port) as proxy:
        yield proxy


def rules(first_port: int, second: Engine) -> dict[str, Any]:
    def provider(url: str) -> dict[str, Any]:
        return {"protocol": "vllm", "endpoints": [url], "api_key": "${ENGINE_SECRET}"}

    return {
        "version": 1,
        "providers": {
            "cut": provider(f"http://127.0.0.1:{first_port}/v1"),
            "well": provider(f"{second.base_url}/v1"),
        },
        "models": {
            MODEL: {
                "capabilities": ["tools", "reasoning", "json_schema", "continue"],
                "targets": [
                    {"provider": "cut", "model": MODEL, "price": PRICE, "priority": 1},
                    {"provider": "well", "model": MODEL, "price": PRICE, "priority": 2},
                ],
            }
        },
        "defaults": {
            "retry": {"attempts": 1},
            "circuit_breaker": {"failures": "100%", "minimum": 1000},  # they all break off, as they should
        },
    }


@contextlib.contextmanager
def running(directory: Path, document: dict[str, Any]) -> Iterator[Gateway]:
    gateway = Gateway(directory, document, environment={"ENGINE_SECRET": ENGINE_KEY})
    gateway.secrets.append(ENGINE_KEY)
    try:
        yield gateway.start()
        assert "Traceback" not in gateway.stderr, gateway.stderr[-6000:]
        gateway.stop()
    finally:
        gateway.kill()


@pytest.fixture(scope="module")
def pair(scissors: Scissors, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running(tmp_path_factory.mktemp("pair"), rules(scissors.server_port, engine)) as gateway:
        yield gateway


def joined(answer: Answer, field: str) -> str:
    events = [json.loads(data) for data in sse_data(answer.body) if data != b"[DONE]"]
    return "".join(choice["delta"].get(field) or "" for event in events for choice in event["choices"])


def assert_one_stream(answer: Answer) -> None:
    assert answer.status == 200, answer.body
    assert answer.body.endswith(b"data: [DONE]\n\n")
    assert b'"error"' not in answer.body
    events = [json.loads(data) for data in sse_data(answer.body) if data != b"[DONE]"]
    assert len({(event["id"], event["created"], event["model"]) for event in events}) == 1
    choices = [choice for event in events for choice in event["choices"]]
    assert sum("role" in choice["delta"] for choice in choices) == 1
    assert [choice["finish_reason"] for choice in choices if choice["finish_reason"]] == ["stop"]


@pytest.mark.parametrize("at", range(1, PIECES))
def test_cut_at_any_token_the_joined_text_is_the_uncut_one(pair: Gateway, scissors: Scissors, at: int) -> None:
    scissors.after = at
    answer = pair.caller().chat(MODEL, messages=HI, stream=True, temperature=0, stream_options={"include_usage": True})
    assert scissors.told == at, "the cut did not happen where it should"
    assert_one_stream(answer)
    assert joined(answer, "content") == ANSWER_AFTER_REASONING
    assert REASONING.startswith(joined(answer, "reasoning"))
    found = entry(pair, answer.headers["x-request-id"], attempts=2)
    assert [attempt["provider"] for attempt in found["attempts"]] == ["cut", "well"]
    assert found["outcome"] == "ok"
    usage = json.loads(sse_data(answer.body)[-2])["usage"]
    if at > len(WORDS.findall(REASONING)) + 1:  # the blank line alone is nothing to go on with
        assert found["attempts"][0]["state"] == "continued"
        assert usage["completion_tokens"] == pytest.approx(REASONED_ANSWER_TOKENS, abs=4)


def test_a_replica_that_is_killed_in_the_middle_is_gone_on_with(
    engine_venv: Path, engine: Engine, tmp_path: Path
) -> None:
    with Engine(engine_venv, tmp_path) as victim, running(tmp_path / "gateway", rules(victim.port, engine)) as gateway:
        app = gateway.caller()
        fields: dict[str, Any] = {"messages": HI, "temperature": 0, "ignore_eos": True, "max_tokens": 600}
        whole = engine.direct.chat(MODEL, stream=True, **fields)
        with app.open_chat(MODEL, **fields) as wire:
            _, headers = wire.head()
            received = b""
            for piece in wire.pieces():
                received += piece
                if received.count(b"data:") > 60 and victim.pid:
                    os.killpg(victim.pid, signal.SIGKILL)
                    break
            received += b"".join(wire.pieces())
        answer = Answer(200, headers, received)
        found = entry(gateway, headers["x-request-id"], attempts=2)
        assert [(each["provider"], each["state"]) for each in found["attempts"]] == [
            ("cut", "continued"),
            ("well", "complete"),
        ]
        said, uncut = joined(answer, "content"), joined(whole, "content")
        # What is left of the limit is counted in events, and a busy engine puts two tokens into some.
        assert len(uncut) <= len(said) < len(uncut) * 1.2
        assert said.startswith(uncut)
        assert joined(answer, "reasoning") == joined(whole, "reasoning")
        assert answer.body.endswith(b"data: [DONE]\n\n")
        eventually(lambda: engine.is_idle(), within_s=10, what="an idle engine")
