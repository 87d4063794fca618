"""Everything that can befall a request on its way up, whole and streamed, with one target and with two: what the caller
sees, who was tried, whether the target is left alone, and what stands in the ledger. One table, real sockets.

The targets here can't go on with a begun answer; those that can are in tests/dispatch and tests/vllm.
"""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import scripts
from tests.support.books import entry
from tests.support.caller import Answer
from tests.support.gateway import Gateway, free_port
from tests.support.rules import SHORT_CLOCKS, provider, target
from tests.support.upstream import Line, Script, Upstream

JSON_ERROR = {"error": {"message": "The model is overloaded.", "type": "server_error", "code": None}}
LOST, TIMEOUT, WHOLE = (502, "upstream_error"), (504, "upstream_timeout"), (200, "")
CREDENTIAL = (502, "upstream_credential")


@dataclass(frozen=True)
class Fault:
    """What the upstream does, and what follows where it is the only target."""

    unary: Script
    stream: Script
    alone: tuple[int, str]
    """Status and code that the caller gets; 200 and a code: an error event in a stream that has begun."""
    state: str
    """In the ledger."""
    moves: bool = True
    """It speaks against the target's health, or its credential's."""
    helps: bool = True
    """A second target answers instead."""
    alone_streamed: tuple[int, str] | None = None
    state_streamed: str | None = None
    helps_streamed: bool | None = None
    moves_streamed: bool | None = None


def same(script: Script, alone: tuple[int, str], state: str, **more: Any) -> Fault:
    return Fault(script, script, alone, state, **more)


def status(code: int, alone: tuple[int, str], *, word: str | None = None, headers: Any = None, **more: Any) -> Fault:
    script = scripts.openai_error(code, "No.", type_="some_error", code=word, headers=headers)
    return same(script, alone, "refused", **more)


def tells(text: str, kind: str = "application/json") -> Script:
    async def play(line: Line) -> None:
        await line.whole(200, {"content-type": kind}, text.encode())

    return play


def trickle() -> Script:
    body = json.dumps(scripts.completion("Hello there.", scripts.usage())).encode()

    async def play(line: Line) -> None:
        await line.head(200, scripts.JSON, length=len(body))
        for start in range(0, len(body), 100):
            await asyncio.sleep(0.05)
            await line.data(body[start : start + 100])

    return play


HALF = scripts.words("half")
CUT_TEXT = {"alone_streamed": (200, "upstream_error"), "helps_streamed": False}
FAULTS: dict[str, Fault] = {
    "connect refused": same(scripts.hang_before_headers(), LOST, "never_sent"),
    "reset before headers": same(scripts.hang_up_before_headers("reset"), LOST, "upstream_failed"),
    "headers never come": same(scripts.hang_before_headers(), TIMEOUT, "timed_out"),
    "first token late": Fault(
        scripts.cut_body(b"", then="hang"), scripts.hang_before_first_token(), TIMEOUT, "timed_out"
    ),
    "cut mid-text": Fault(
        scripts.cut_body(), scripts.raw_stream(scripts.ROLE, *HALF, then="cut"), LOST, "upstream_failed", **CUT_TEXT
    ),
    "stall mid-text": Fault(
        scripts.cut_body(then="hang"),
        scripts.raw_stream(scripts.ROLE, *HALF, then="hang"),
        TIMEOUT,
        "timed_out",
        alone_streamed=(200, "upstream_timeout"),
        helps_streamed=False,
    ),
    "slow trickle": Fault(
        trickle(),
        scripts.stream(*scripts.words("Hel", "lo ", "there."), interval_s=0.2),
        WHOLE,
        "complete",
        moves=False,
        helps=False,
    ),
    "400": status(400, (400, "invalid_request"), moves=False, helps=False),
    "401": status(401, CREDENTIAL, word="invalid_api_key"),
    "403": status(403, CREDENTIAL),
    "404": status(404, (404, "model_not_found"), moves=False),
    "408": status(408, LOST),
    "409": status(409, LOST),
    "413": status(413, (413, "invalid_request"), moves=False, helps=False),
    "422": status(422, (422, "invalid_request"), moves=False, helps=False),
    "429 with retry-after": status(429, (429, "rate_limit_exceeded"), headers={"retry-after": "30"}),
    "429 without": status(429, (429, "rate_limit_exceeded")),
    "500": status(500, LOST),
    "502": status(502, LOST),
    "503": status(503, LOST),
    "529": status(529, LOST),
    "200 with an error body": Fault(
        tells(json.dumps(JSON_ERROR)),
        tells(json.dumps(JSON_ERROR)),
        LOST,
        "refused",
        state_streamed="upstream_failed",  # whatever it is, it is no stream
    ),
    "200 empty": Fault(tells(""), scripts.raw_stream(), LOST, "upstream_failed"),
    "HTML": same(scripts.html_page(200), LOST, "upstream_failed"),
    "invalid JSON": Fault(
        tells('{"choices": [}'), scripts.raw_stream(b"data: {nonsense}\n\n"), LOST, "upstream_failed"
    ),
    "truncated JSON": Fault(
        tells('{"choices": [{"message": {"content": "hal'),
        scripts.raw_stream(b'data: {"choices": [{"delta": {"content": "hal'),
        LOST,
        "upstream_failed",
    ),
    "error event in the stream": Fault(
        tells(json.dumps(JSON_ERROR)),
        scripts.raw_stream(scripts.ROLE, scripts.error_event(), scripts.DONE),
        LOST,
        "refused",
    ),
    "error event after text": Fault(
        tells(json.dumps(JSON_ERROR)),
        scripts.raw_stream(scripts.ROLE, *HALF, scripts.error_event(), scripts.DONE, *HALF),
        LOST,
        "refused",
        **CUT_TEXT,
    ),
    "no finish_reason": Fault(
        tells('{"choices": []}'),
        scripts.raw_stream(scripts.ROLE, *HALF, scripts.DONE),
        LOST,
        "upstream_failed",
        **CUT_TEXT,
    ),
    "refusal": status(
        400, (400, "content_policy_violation"), word="content_policy_violation", moves=False, helps=False
    ),
    "context overflow": same(
        scripts.context_overflow(), (400, "context_length_exceeded"), "refused", moves=False, helps=False
    ),
}
NAMES = {name: f"f{number}" for number, name in enumerate(FAULTS)}


def who(name: str, *, stream: bool, two: bool) -> str:
    """Each cell has a provider of its own, so that no circuit and no credential is another cell's."""
    return f"{NAMES[name]}{'s' if stream else 'u'}{2 if two else 1}"


CELLS = [(name, stream, two) for name in FAULTS for stream in (False, True) for two in (False, True)]


def document(port: int, dead_port: int) -> dict[str, Any]:
    names = {who(name, stream=stream, two=two): name for name, stream, two in CELLS}
    ports = {each: dead_port if name == "connect refused" else port for each, name in names.items()}
    return {
        "version": 1,
        "providers": {
            "spare": provider(f"http://127.0.0.1:{port}/spare/v1"),
            **{each: provider(f"http://127.0.0.1:{ports[each]}/{each}/v1") for each in names},
        },
        "models": {
            each: {
                "targets": [target(each, each, priority=1), *([target("spare", each, priority=2)] * ("2" in each[-1]))]
            }
            for each in names
        },
        "defaults": {
            "timeouts": SHORT_CLOCKS,
            "retry": {"attempts": 1},
            "circuit_breaker": {"failures": "1%", "minimum": 1, "open_for": "60s"},
        },
    }


@pytest.fixture(scope="module")
def faulty(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    directory: Path = tmp_path_factory.mktemp("faulty")
    gateway = Gateway(directory, document(upstream.port, free_port()), workers=1)
    try:
        yield gateway.start()
        assert "Traceback" not in gateway.stderr, gateway.stderr[-6000:]
        gateway.stop()
    finally:
        gateway.kill()


def assert_seen(answer: Answer, expected: tuple[int, str], *, stream: bool) -> None:
    code, word = expected
    assert answer.status == code, answer.body
    if (code, word) == WHOLE:
        assert b'"error"' not in answer.body
        assert answer.body.endswith(scripts.DONE) if stream else answer.json["choices"]
        return
    assert answer.error["code"] == word
    assert answer.error["message"]
    assert b"[DONE]" not in answer.body
    if code == 200:  # what was said stays said
        assert json.loads(answer.events[-1])["error"]
        assert b"half" in answer.body
        assert answer.body.count(b"half") == 1


def is_left_alone(gateway: Gateway, name: str) -> bool:
    changes = [json.loads(line) for line in gateway.stderr.splitlines() if "a circuit changed" in line]
    return any(change["of"].split("/")[0] == name and change["state"] == "open" for change in changes)


@pytest.mark.parametrize(
    ("name", "stream", "two"),
    CELLS,
    ids=[f"{name}, {'stream' if stream else 'unary'}, {2 if two else 1}" for name, stream, two in CELLS],
)
def test_a_fault(faulty: Gateway, upstream: Upstream, name: str, *, stream: bool, two: bool) -> None:
    fault, model = FAULTS[name], who(name, stream=stream, two=two)
    upstream.script(model, fault.stream if stream else fault.unary, provider=model)
    upstream.script(model, scripts.as_asked(), provider="spare")

    answer = faulty.caller().chat(model, stream=stream)

    alone = (fault.alone_streamed if stream else None) or fault.alone
    state = (fault.state_streamed if stream else None) or fault.state
    helped = fault.helps_streamed if stream and fault.helps_streamed is not None else fault.helps
    attempts = 2 if two and helped else 1
    assert_seen(answer, WHOLE if attempts == 2 else alone, stream=stream)
    assert answer.headers["x-headrace-attempts"] == str(attempts)

    found = entry(faulty, answer.headers["x-request-id"], attempts=attempts)
    told = [(attempt["provider"], attempt["state"]) for attempt in found["attempts"]]
    assert told == [(model, state), ("spare", "complete")][:attempts]
    broken = 504 if alone[1] == "upstream_timeout" else 502  # in the middle of a stream that had begun with 200
    assert found["status"] == (broken if attempts == 1 and alone[0] == 200 and alone != WHOLE else answer.status)
    assert is_left_alone(faulty, model) == fault.moves
