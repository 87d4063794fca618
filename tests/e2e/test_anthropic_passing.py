"""Anthropic's protocol on both sides: bytes pass, and what only Anthropic knows can be asked."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import rules, scripts
from tests.support.books import entry
from tests.support.caller import Caller
from tests.support.gateway import Gateway
from tests.support.upstream import Upstream

MESSAGE = (
    b'{"id":"msg_01Inv","type":"message","role":"assistant","model":"claude-x-20250101","content":[{"type":"text",'
    b'"text":"Hello."}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":7,'
    b'"cache_creation_input_tokens":2,"cache_read_input_tokens":3,"output_tokens":4}}'
)
REFUSAL = b'{"type":"error","error":{"type":"invalid_request_error","message":"tools.0: no"},"request_id":"req_inv"}'
BODY = {
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "Hi"}],
    "tools": [{"type": "web_search_20250305", "name": "web_search"}],
}
HEADERS = {"anthropic-version": "2023-06-01", "anthropic-beta": "interleaved-thinking-2025-05-14"}


@pytest.fixture(scope="module")
def claude(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    document = rules.minimal(
        upstream.port,
        providers={
            "alpha": rules.provider(f"http://127.0.0.1:{upstream.port}/alpha/v1"),
            "claude": {
                "protocol": "anthropic",
                "base_url": f"http://127.0.0.1:{upstream.port}/claude",
                "api_key": "${UPSTREAM_SECRET}",
            },
        },
        models={
            "c-*": {"targets": [rules.target("claude", price=rules.ALPHA_PRICE)]},
            "either-*": {"targets": [rules.target("alpha", priority=1), rules.target("claude", priority=2)]},
        },
    )
    with Gateway(tmp_path_factory.mktemp("claude"), document, workers=1) as gateway:
        yield gateway


@pytest.fixture
def asking(claude: Gateway) -> Caller:
    return claude.caller()


def test_a_message_passes_as_it_is(asking: Caller, claude: Gateway, upstream: Upstream, model: str) -> None:
    upstream.script(f"c-{model}", scripts.answer(MESSAGE), provider="claude")
    answer = asking.post("/anthropic/v1/messages?beta=true", {"model": f"c-{model}", **BODY}, HEADERS)
    assert (answer.status, answer.body) == (200, MESSAGE)
    asked = upstream.only(f"c-{model}")
    assert asked.path.endswith("/claude/v1/messages")
    assert asked.json == {"model": f"c-{model}", **BODY}
    assert [asked.header(name) for name in HEADERS] == list(HEADERS.values())
    attempt = entry(claude, answer.headers["x-request-id"])["attempts"][0]
    assert (attempt["input_tokens"], attempt["cached_input_tokens"], attempt["output_tokens"]) == (7, 3, 4)


def test_anthropic_counts_for_its_own_models(asking: Caller, upstream: Upstream, model: str) -> None:
    upstream.script(f"c-{model}", scripts.answer(b'{"input_tokens":2095}'), provider="claude")
    answer = asking.post("/v1/messages/count_tokens", {"model": f"c-{model}", **BODY})
    assert (answer.status, answer.json) == (200, {"input_tokens": 2095})
    assert "x-headrace-estimated" not in answer.headers
    assert answer.headers["x-headrace-cost-usd"] == "0.000000000"
    assert upstream.only(f"c-{model}").path.endswith("/messages/count_tokens")


def test_its_error_passes_as_it_is(asking: Caller, upstream: Upstream, model: str) -> None:
    upstream.script(f"c-{model}", scripts.answer(REFUSAL, status=400), provider="claude")
    answer = asking.post("/v1/messages", {"model": f"c-{model}", **BODY})
    assert (answer.status, answer.body) == (400, REFUSAL)


def test_what_only_anthropic_has_goes_to_the_target_that_is_anthropic(
    asking: Caller, upstream: Upstream, model: str
) -> None:
    upstream.script(f"either-{model}", scripts.answer(MESSAGE), provider="claude")
    answer = asking.post("/v1/messages", {"model": f"either-{model}", **BODY})
    assert answer.body == MESSAGE
    assert not upstream.seen(f"either-{model}", "alpha")
    assert answer.headers["x-headrace-target"].startswith("claude/")


def test_a_stream_passes_event_for_event(asking: Caller, upstream: Upstream, model: str) -> None:
    stream = (Path(__file__).parents[1] / "fixtures" / "anthropic_messages" / "native" / "text.sse").read_bytes()
    upstream.script(f"c-{model}", scripts.raw_stream(stream), provider="claude")
    answer = asking.post("/v1/messages", {"model": f"c-{model}", **BODY, "stream": True})
    assert answer.body == stream
