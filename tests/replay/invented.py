"""Exchanges of our own, in the shape of recorded ones: what the stand-ins of tests/conformance write, and errors that
no openly licensed recording has. They are always played; recorded ones where there are some."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.conformance import said as sayings
from tests.conformance.said import MODEL, Said
from tests.conformance.upstreams import anthropic_messages, cohere, converse, gemini, openai_chat, openai_responses
from tests.replay.recordings import Recording

_WRITERS: Mapping[str, tuple[str, str, Any]] = {
    "openai": ("chat_completions", "https://api.openai.com/v1/chat/completions", openai_chat),
    "openai-responses": ("responses", "https://api.openai.com/v1/responses", openai_responses),
    "vllm": ("chat_completions", "http://10.0.0.11:8000/v1/chat/completions", openai_chat),
    "azure": ("chat_completions", "https://made-up.openai.azure.com/openai/v1/chat/completions", openai_chat),
    "anthropic": ("messages", "https://api.anthropic.com/v1/messages", anthropic_messages),
    "gemini": ("generate_content", "https://generativelanguage.googleapis.com/v1beta/models/m", gemini),
    "vertex": ("generate_content", "https://aiplatform.googleapis.com/v1/projects/p/locations/l/models/m", gemini),
    "bedrock": ("converse", "https://bedrock-runtime.eu-west-1.amazonaws.com/model/m/converse", converse),
    "cohere": ("chat_v2", "https://api.cohere.com/v2/chat", cohere),
}
SAYINGS: Mapping[str, Said] = {
    name.lower(): value for name, value in vars(sayings).items() if isinstance(value, Said) and name.isupper()
}
_WORDLESS = {
    "cohere": {"refused", "redacted", "likely", "twice"},
    "anthropic": {"likely", "twice"},
    "bedrock": {"likely", "twice"},
    "openai-responses": {"likely", "twice", "redacted"},
    "openai": {"redacted"},
    "vllm": {"redacted"},
    "azure": {"redacted"},
    "gemini": {"redacted"},
    "vertex": {"redacted"},
}


def answers() -> Iterator[Recording]:
    """Every saying in every format that has words for it, whole and streamed."""
    for place, (api, url, writer) in _WRITERS.items():
        for name, said in SAYINGS.items():
            if name not in _WORDLESS[place]:
                yield _recording(f"{place}-{name}", api, url, writer.whole(said), stream=False)
                yield _recording(f"{place}-{name}-stream", api, url, writer.stream(said), stream=True)


def errors() -> Iterator[Recording]:
    """Error answers that were not recorded anywhere."""
    for place, status, headers, body in _ERRORS:
        api, url, _ = _WRITERS[place]
        name = f"{place}-error-{status}"
        yield _recording(name, api, url, json.dumps(body).encode(), stream=False)._replace(
            status=status, headers=headers
        )


def _recording(name: str, api: str, url: str, body: bytes, *, stream: bool) -> Recording:
    provider = name.split("-")[0]
    request: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": "?"}]}
    if "twice" in name:
        request["n"] = 2
    model = "us.anthropic.claude-made-up-v1:0" if provider == "bedrock" else MODEL  # others sign nothing there
    return Recording(name, provider, api, model, stream, url, request, 200, {}, body, {})


_ERRORS: tuple[tuple[str, int, dict[str, str], Any], ...] = (
    (
        "anthropic",
        529,
        {"request-id": "req_madeup"},
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
    ),
    (
        "anthropic",
        429,
        {"retry-after": "17"},
        {"type": "error", "error": {"type": "rate_limit_error", "message": "Too many input tokens per minute."}},
    ),
    (
        "openai",
        429,
        {"retry-after": "3"},
        {
            "error": {
                "message": "Rate limit reached for made-up-model",
                "type": "requests",
                "code": "rate_limit_exceeded",
            }
        },
    ),
    (
        "openai",
        402,
        {},
        {"error": {"message": "You are out of money.", "type": "insufficient_quota", "code": "insufficient_quota"}},
    ),
    ("bedrock", 429, {"x-amzn-errortype": "ThrottlingException:http://made.up/"}, {"message": "Too many requests."}),
    ("bedrock", 424, {"x-amzn-errortype": "ModelErrorException:http://made.up/"}, {"message": "The model failed."}),
    ("gemini", 503, {}, {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}),
    ("cohere", 429, {}, {"message": "You are using a trial key, which is limited to 20 calls per minute."}),
)
