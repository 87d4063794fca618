"""Roles, turns, pictures, sound and files."""

from typing import Any

from tests.conformance.asks import CHAT, MESSAGES, RESPONSES, Ask, Places
from tests.conformance.marks import anywhere, at, both, holds, there

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAgD4AAAB9AAACABAAZGF0YQAAAAA="
PDF = "JVBERi0xLjQKMSAwIG9iago8PD4+CmVuZG9iagp0cmFpbGVyCjw8Pj4KJSVFT0YK"
LINK = "https://pictures.example/gull.png"
PAPER = "https://papers.example/annals.pdf"


def user(content: Any) -> dict[str, Any]:
    """A turn of the caller's."""
    return {"role": "user", "content": content}


def asked(*extra: Any, **fields: Any) -> dict[str, dict[str, Any]]:
    """The same plain question in each dialect, with the same further fields."""
    return {
        CHAT: {"messages": [*extra, user("Which way is the wind?")], **fields},
        MESSAGES: {"messages": [*extra, user("Which way is the wind?")], "max_tokens": 64} | fields,
        RESPONSES: {"input": [*extra, user("Which way is the wind?")], **fields},
    }


def only(*dialects: str, **fields: Any) -> dict[str, dict[str, Any]]:
    """In these dialects alone."""
    return {dialect: body for dialect, body in asked(**fields).items() if dialect in dialects}


_QUESTION = asked()
_SYSTEM = "Speak like a tide table."
_TURNS = [user("First: low water?"), {"role": "assistant", "content": "At six."}, user("Then: high water?")]
_PICTURE_DATA = f"data:image/png;base64,{PNG}"


def _parts(chat: Any, messages: Any, responses: Any) -> dict[str, dict[str, Any]]:
    bodies: dict[str, dict[str, Any]] = {}
    if chat:
        bodies[CHAT] = {"messages": [user([{"type": "text", "text": "What is it?"}, chat])]}
    if messages:
        bodies[MESSAGES] = {"messages": [user([{"type": "text", "text": "What is it?"}, messages])], "max_tokens": 64}
    if responses:
        bodies[RESPONSES] = {"input": [user([{"type": "input_text", "text": "What is it?"}, responses])]}
    return bodies


ASKS = (
    Ask(
        "system prompt",
        "messages",
        {
            CHAT: {"messages": [{"role": "system", "content": _SYSTEM}, user("Hello")]},
            MESSAGES: {"system": _SYSTEM, "messages": [user("Hello")], "max_tokens": 64},
            RESPONSES: {"instructions": _SYSTEM, "input": "Hello"},
        },
        {
            "openai": Places(
                lambda body: body["messages"][0]["role"] in ("system", "developer") and anywhere(_SYSTEM)(body)
            ),
            "responses": Places(at("instructions", _SYSTEM)),
            "anthropic": Places(lambda body: _SYSTEM in str(body.get("system"))),
            "gemini": Places(holds("systemInstruction.parts.*.text", _SYSTEM)),
            "bedrock": Places(holds("system.*.text", _SYSTEM)),
            "cohere": Places(lambda body: body["messages"][0]["role"] == "system" and anywhere(_SYSTEM)(body)),
        },
    ),
    Ask(
        "developer prompt",
        "messages",
        {
            CHAT: {"messages": [{"role": "developer", "content": _SYSTEM}, user("Hello")]},
            RESPONSES: {"input": [{"role": "developer", "content": _SYSTEM}, user("Hello")]},
        },
        {
            "openai": Places(
                lambda body: body["messages"][0]["role"] in ("system", "developer") and anywhere(_SYSTEM)(body)
            ),
            "responses": Places(both(at("input.0.role", "developer"), anywhere(_SYSTEM))),
            "anthropic": Places(converted=lambda body: _SYSTEM in str(body.get("system"))),
            "gemini": Places(converted=holds("systemInstruction.parts.*.text", _SYSTEM)),
            "bedrock": Places(converted=holds("system.*.text", _SYSTEM)),
            "cohere": Places(
                converted=lambda body: body["messages"][0]["role"] == "system" and anywhere(_SYSTEM)(body)
            ),
        },
    ),
    Ask(
        "several turns",
        "messages",
        {
            CHAT: {"messages": _TURNS},
            MESSAGES: {"messages": _TURNS, "max_tokens": 64},
            RESPONSES: {
                "input": [
                    _TURNS[0],
                    {"role": "assistant", "content": [{"type": "output_text", "text": "At six."}]},
                    _TURNS[2],
                ]
            },
        },
        {
            "openai": Places(lambda body: [m["role"] for m in body["messages"]] == ["user", "assistant", "user"]),
            "responses": Places(lambda body: [m["role"] for m in body["input"]] == ["user", "assistant", "user"]),
            "anthropic": Places(lambda body: [m["role"] for m in body["messages"]] == ["user", "assistant", "user"]),
            "gemini": Places(lambda body: [m["role"] for m in body["contents"]] == ["user", "model", "user"]),
            "bedrock": Places(lambda body: [m["role"] for m in body["messages"]] == ["user", "assistant", "user"]),
            "cohere": Places(lambda body: [m["role"] for m in body["messages"]] == ["user", "assistant", "user"]),
        },
    ),
    Ask(
        "begun answer (prefill)",
        "messages",
        {
            CHAT: {"messages": [user("Count."), {"role": "assistant", "content": "One, two,"}]},
            MESSAGES: {"messages": [user("Count."), {"role": "assistant", "content": "One, two,"}], "max_tokens": 64},
        },
        {
            "openai": Places(lambda body: body["messages"][-1]["role"] == "assistant"),
            "anthropic": Places(lambda body: body["messages"][-1]["role"] == "assistant"),
            "gemini": Places(lambda body: body["contents"][-1]["role"] == "model"),
            "bedrock": Places(lambda body: body["messages"][-1]["role"] == "assistant"),
            "cohere": Places(lambda body: body["messages"][-1]["role"] == "assistant"),
        },
        ("messages", "input"),
    ),
    Ask(
        "image as data",
        "messages",
        _parts(
            {"type": "image_url", "image_url": {"url": _PICTURE_DATA}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
            {"type": "input_image", "image_url": _PICTURE_DATA},
        ),
        {
            "openai": Places(at("messages.*.content.*.image_url.url", _PICTURE_DATA)),
            "responses": Places(at("input.*.content.*.image_url", _PICTURE_DATA)),
            "anthropic": Places(at("messages.*.content.*.source.data", PNG)),
            "gemini": Places(at("contents.*.parts.*.inlineData.data", PNG)),
            "bedrock": Places(at("messages.*.content.*.image.source.bytes", PNG)),
            "cohere": Places(at("messages.*.content.*.image_url.url", _PICTURE_DATA)),
        },
        ("messages", "input"),
    ),
    Ask(
        "image by address",
        "messages",
        _parts(
            {"type": "image_url", "image_url": {"url": LINK}},
            {"type": "image", "source": {"type": "url", "url": LINK}},
            {"type": "input_image", "image_url": LINK},
        ),
        {
            "openai": Places(at("messages.*.content.*.image_url.url", LINK)),
            "responses": Places(at("input.*.content.*.image_url", LINK)),
            "anthropic": Places(at("messages.*.content.*.source.url", LINK)),
            "gemini": Places(at("contents.*.parts.*.fileData.fileUri", LINK)),
            "bedrock": Places(),
            "cohere": Places(at("messages.*.content.*.image_url.url", LINK)),
        },
        ("messages", "input", "image_url"),
    ),
    Ask(
        "image detail",
        "messages",
        _parts(
            {"type": "image_url", "image_url": {"url": _PICTURE_DATA, "detail": "low"}},
            None,
            {"type": "input_image", "image_url": _PICTURE_DATA, "detail": "low"},
        ),
        {
            "openai": Places(at("messages.*.content.*.image_url.detail", "low")),
            "responses": Places(at("input.*.content.*.detail", "low")),
            "anthropic": Places(),
            "gemini": Places(converted=anywhere("MEDIA_RESOLUTION_LOW")),
            "bedrock": Places(),
            "cohere": Places(at("messages.*.content.*.image_url.detail", "low")),
        },
        ("detail", "image_url", "messages"),
    ),
    Ask(
        "audio in",
        "messages",
        _parts({"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}}, None, None),
        {
            "openai": Places(at("messages.*.content.*.input_audio.data", WAV)),
            "responses": Places(at("input.*.content.*.input_audio.data", WAV)),
            "anthropic": Places(),
            "gemini": Places(at("contents.*.parts.*.inlineData.data", WAV)),
            "bedrock": Places(at("messages.*.content.*.audio.source.bytes", WAV)),
            "cohere": Places(),
        },
        ("messages", "input", "input_audio"),
    ),
    Ask(
        "file as data",
        "messages",
        _parts(
            {"type": "file", "file": {"filename": "annals.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}},
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}},
            {"type": "input_file", "filename": "annals.pdf", "file_data": f"data:application/pdf;base64,{PDF}"},
        ),
        {
            "openai": Places(at("messages.*.content.*.file.file_data", f"data:application/pdf;base64,{PDF}")),
            "responses": Places(holds("input.*.content.*.file_data", PDF)),
            "anthropic": Places(at("messages.*.content.*.source.data", PDF)),
            "gemini": Places(at("contents.*.parts.*.inlineData.data", PDF)),
            "bedrock": Places(at("messages.*.content.*.document.source.bytes", PDF)),
            "cohere": Places(),
        },
        ("messages", "input", "file"),
    ),
    Ask(
        "file by address",
        "messages",
        _parts(
            {"type": "file", "file": {"filename": "annals.pdf", "file_data": PAPER}},
            {"type": "document", "source": {"type": "url", "url": PAPER}},
            {"type": "input_file", "file_url": PAPER},
        ),
        {
            "openai": Places(converted=at("messages.*.content.*.file.file_data", PAPER)),
            "responses": Places(at("input.*.content.*.file_url", PAPER)),
            "anthropic": Places(at("messages.*.content.*.source.url", PAPER)),
            "gemini": Places(at("contents.*.parts.*.fileData.fileUri", PAPER)),
        },
        ("messages", "input", "file"),
    ),
    Ask(
        "cache control",
        "messages",
        {
            CHAT: {
                "messages": [
                    {
                        "role": "system",
                        "content": [{"type": "text", "text": _SYSTEM, "cache_control": {"type": "ephemeral"}}],
                    },
                    user("Hello"),
                ]
            },
            MESSAGES: {
                "system": [{"type": "text", "text": _SYSTEM, "cache_control": {"type": "ephemeral"}}],
                "messages": [user("Hello")],
                "max_tokens": 64,
            },
        },
        {
            "openai": Places(there("messages.*.content.*.cache_control")),
            "anthropic": Places(there("system.*.cache_control")),
            "bedrock": Places(there("system.*.cachePoint")),
        },
        ("cache_control",),
        void={
            "openai": "it caches by itself: the mark only says where a cache may end",
            "gemini": "it caches by itself: the mark only says where a cache may end",
            "cohere": "it caches by itself: the mark only says where a cache may end",
        },
    ),
)
