"""Every protocol's stand-in behind one gateway: what a model says there is told by a word in the prompt.

The stand-ins are those of the conformance matrix: each writes what is said in its provider's own format. So a client
that gets the right answer through the gateway got it through a translation there and back.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.conformance.said import LENGTH, ONE_TOOL, TEXT, THOUGHT, WEATHER, Said
from tests.conformance.upstreams import anthropic_messages, cohere, converse, gemini, openai_chat, openai_responses
from tests.support.scripts import OVERFLOW
from tests.support.upstream import Line

FIXTURES = Path(__file__).parents[1] / "fixtures"
CITY = Said(text='{"city": "Aarhus", "people": 290598}')
OUTSIDE = "It is raining in Nørrebro."
"""What the tool answers."""
TOLD = Said(text="Take an umbrella.")
"""What the model says when the tool has answered."""

TEXT_PROMPT = "scene:text Say something."
LENGTH_PROMPT = "scene:length Say something long."
THOUGHT_PROMPT = "scene:thought What is six times seven?"
TOOL_PROMPT = "scene:tool What is it like outside?"
CITY_PROMPT = "scene:city Name a city."
LONG_PROMPT = "scene:too-long " + "word " * 20
LIMITED_PROMPT = "scene:limited Say something."

TOOL_NAME = WEATHER.name
TOOL_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"place": {"type": "string"}},
    "required": ["place"],
    "additionalProperties": False,
}
CITY_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "people": {"type": "integer"}},
    "required": ["city", "people"],
    "additionalProperties": False,
}
_SAID = {b"scene:text": TEXT, b"scene:length": LENGTH, b"scene:thought": THOUGHT, b"scene:city": CITY}


class Reply(NamedTuple):
    """An error of a provider's."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}


class Protocol(NamedTuple):
    """One provider, as the routing file has it, and how it talks."""

    name: str
    provider: Mapping[str, Any]
    """`{base}` stands for the stand-in's address."""
    model: str
    whole: Callable[[Said], bytes]
    stream: Callable[[Said], bytes]
    too_long: Reply
    limited: Reply
    events: str = "text/event-stream"


def _fixture(path: str, status: int) -> Reply:
    """The body of a fixture, whether it has a head of its own or not."""
    fixture = json.loads((FIXTURES / path).read_bytes())
    body = fixture.get("body", fixture)
    headers = {name: value for name, value in fixture.get("headers", {}).items() if name.startswith("x-amzn")}
    return Reply(status, body.encode() if isinstance(body, str) else json.dumps(body).encode(), headers)


def _openai_error(message: str, code: str, status: int) -> Reply:
    error = {"message": message, "type": "invalid_request_error", "param": "messages", "code": code}
    return Reply(status, json.dumps({"error": error}).encode())


_TOO_LONG = _openai_error(OVERFLOW, "context_length_exceeded", 400)
_LIMITED = _fixture("openai/rate_limit.error.json", 429)
_OPENAI = (openai_chat.whole, openai_chat.stream, _TOO_LONG, _LIMITED)
_CLAUDE = (
    anthropic_messages.whole,
    anthropic_messages.stream,
    _fixture("anthropic/error_prompt_too_long.json", 400),
    _fixture("anthropic/error_rate_limited.json", 429),
)
_GEMINI = (
    gemini.whole,
    gemini.stream,
    _fixture("gemini/error_too_long.json", 400),
    _fixture("gemini/error_rate_limited.json", 429),
)
_KEY = "${UPSTREAM_SECRET}"
_VERTEX = {"base_url": "{base}/v1/projects/p/locations/europe-west4", "project": "p", "location": "europe-west4"}

PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol("openai", {"base_url": "{base}/v1"}, "gpt-4.1", *_OPENAI),
        Protocol("vllm", {"protocol": "vllm", "base_url": "{base}/v1"}, "qwen3-30b-a3b", *_OPENAI),
        Protocol("azure", {"base_url": "{base}"}, "gpt-4.1", *_OPENAI),
        Protocol("anthropic", {"base_url": "{base}"}, "claude-sonnet-4-5", *_CLAUDE),
        Protocol("google", {"base_url": "{base}"}, "gemini-2.5-flash", *_GEMINI),
        Protocol("vertex", _VERTEX, "gemini-2.5-flash", *_GEMINI),
        Protocol(
            "bedrock",
            {"base_url": "{base}", "region": "eu-west-1"},
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            converse.whole,
            converse.stream,
            _fixture("bedrock/error_too_long.json", 400),
            _fixture("bedrock/error_throttled.json", 429),
            "application/vnd.amazon.eventstream",
        ),
        Protocol(
            "cohere",
            {"base_url": "{base}"},
            "command-a-reasoning-08-2025",
            cohere.whole,
            cohere.stream,
            _fixture("cohere/error_too_long.json", 400),
            _fixture("cohere/error_limited.json", 429),
        ),
    )
}
"""By the name of the provider, which is the name of the model too."""


def document(port: int) -> dict[str, Any]:
    """A routing file with every protocol. Nobody is left alone for having failed: the tests make them fail."""
    return {
        "version": 1,
        "providers": {
            "sandbox": {},
            **{
                name: {
                    field: value.replace("{base}", f"http://127.0.0.1:{port}/{name}")
                    for field, value in {"api_key": _KEY, **protocol.provider}.items()
                }
                for name, protocol in PROTOCOLS.items()
            },
        },
        "models": {
            "qwen3-30b-a3b": {"targets": [{"provider": "sandbox", "model": "qwen3-30b-a3b"}]},
            **{
                name: {"targets": [{"provider": name, "model": protocol.model}]} for name, protocol in PROTOCOLS.items()
            },
        },
        "defaults": {
            "retry": {"attempts": 1},
            "circuit_breaker": {"failures": "100%", "over": "30s", "minimum": 1000, "open_for": "1s"},
        },
    }


async def play(line: Line) -> None:
    """Answer as the provider of this path would."""
    exchange = line.exchange
    protocol = PROTOCOLS[exchange.provider]
    for scene, reply in ((b"scene:too-long", protocol.too_long), (b"scene:limited", protocol.limited)):
        if scene in exchange.body:
            await line.whole(reply.status, {"content-type": "application/json", **reply.headers}, reply.body)
            return
    whole, stream = protocol.whole, protocol.stream
    if exchange.path.partition("?")[0].endswith("/responses"):
        whole, stream = openai_responses.whole, openai_responses.stream
    said = _said(exchange.body)
    if exchange.json.get("stream") or "stream" in exchange.path.rpartition("/")[2].lower():
        await line.head(200, {"content-type": protocol.events})
        await line.data(stream(said))
        await line.end()
    else:
        await line.whole(200, {"content-type": "application/json"}, whole(said))


def _said(body: bytes) -> Said:
    if b"scene:tool" in body:
        words = json.dumps(json.loads(body), ensure_ascii=False)
        return TOLD if OUTSIDE in words else ONE_TOOL
    return next((said for scene, said in _SAID.items() if scene in body), TEXT)
