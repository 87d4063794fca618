"""What providers write their own way in a choice, put into the common form: whole messages and deltas alike.

Bytes that pass through are never touched by this; it is for callers who speak something else.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from backends.providers.openai.tool_calls import ToolCalls, mend_calls

FINISHES: Mapping[str, str] = MappingProxyType(
    {
        "stop": "stop",
        "length": "length",
        "tool_calls": "tool_calls",
        "content_filter": "content_filter",
        # Azure's deepseek-r1; OpenAI's own before there were tools; Anthropic's, through those who pass it on
        "tool_call": "tool_calls",
        "function_call": "tool_calls",
        "tool_use": "tool_calls",
        # Mistral (model_length); Gemini, Anthropic and Cohere through those who pass them on
        "model_length": "length",
        "max_tokens": "length",
        "max_output_tokens": "length",
        "model_context_window_exceeded": "length",
        # Z.ai (sensitive, https://docs.z.ai/api-reference/llm/chat-completion), and the same
        "sensitive": "content_filter",
        "safety": "content_filter",
        "refusal": "content_filter",
        "recitation": "content_filter",
        "prohibited_content": "content_filter",
        "content_filtered": "content_filter",
        "guardrail_intervened": "content_filter",
    }
)
"""The common form's word for each; what is not here (Together's `eos`) is a stop."""

FAILURES = frozenset({"error", "network_error", "insufficient_system_resource"})
"""Words that say that no answer was made: OpenRouter and Mistral, Z.ai, DeepSeek
(https://api-docs.deepseek.com/api/create-chat-completion)."""

_PLAIN = frozenset({"role", "content"})


def mend_message(choice: dict[str, Any], answer: Mapping[str, Any]) -> None:
    """A whole choice."""
    message = choice.get("message")
    if not isinstance(message, dict):
        message = choice["message"] = {"role": "assistant", "content": None}
    _mend_part(message)
    calls = mend_calls(message, ToolCalls(answer.get("id")), whole=True)
    if not calls and message.get("content") is None and not message.get("refusal"):
        message["content"] = ""
    choice["finish_reason"] = _finish(choice, calls=calls) or ("tool_calls" if calls else "stop")
    sources = sources_of(answer)
    if sources and not message.get("annotations"):
        message["annotations"] = sources


def mend_delta(choice: dict[str, Any], calls: ToolCalls, *, first: bool) -> None:
    """A choice of a chunk. `calls` knows the tool calls that this choice has made so far."""
    delta = choice.get("delta")
    message = choice.pop("message", None)
    if type(delta) is not dict:
        # A whole message in place of a delta says all that was said before once more (MiniMax), unless it is the first.
        delta = choice["delta"] = message if first and isinstance(message, dict) else {}
    if not (delta.keys() <= _PLAIN and type(delta.get("content")) is not list):
        _mend_part(delta)
        mend_calls(delta, calls, whole=False)
    if choice.get("finish_reason") is not None:
        choice["finish_reason"] = _finish(choice, calls=calls.made)


def sources_of(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Perplexity's sources as annotations. https://docs.perplexity.ai/api-reference/chat-completions-post"""
    results, urls = answer.get("search_results"), answer.get("citations")
    if isinstance(results, list):
        found = [(result.get("url"), result.get("title")) for result in results if isinstance(result, Mapping)]
    elif isinstance(urls, list):
        found = [(url, None) for url in urls]
    else:
        return []
    return [
        {"type": "url_citation", "url_citation": {"url": url, "title": title or ""}}
        for url, title in found
        if isinstance(url, str) and url
    ]


def _finish(choice: dict[str, Any], *, calls: bool) -> str | None:
    """A word of the common set; the upstream's own is kept beside it where it is another."""
    said = choice.get("finish_reason")
    if not isinstance(said, str) or not said or said == "null":
        return None
    word = FINISHES.get(said) or FINISHES.get(said.lower(), "stop")
    if word == "stop" and calls:  # a call that was forced by name ends so, and Gemini's all do
        word = "tool_calls"
    if word != said:
        choice.setdefault("native_finish_reason", said)
    return word


def _mend_part(part: dict[str, Any]) -> None:
    """A message or a delta: `content` is text, reasoning stands under both names, what is empty is not there."""
    content = part.get("content")
    if isinstance(content, list):
        _mend_parts(part, content)
    if "refusal" in part and not part["refusal"]:  # Snowflake sends empty ones of everything
        del part["refusal"]
    audio = part.get("audio")
    if isinstance(audio, Mapping) and not any(audio.values()):
        del part["audio"]
    _name_reasoning(part)


def _mend_parts(part: dict[str, Any], content: list[Any]) -> None:
    """Mistral's parts: text, thoughts, references. https://docs.mistral.ai/capabilities/reasoning"""
    texts, thoughts, citations = list[str](), list[str](), list[dict[str, Any]]()
    for piece in content:
        if not isinstance(piece, Mapping):
            texts.append(piece if isinstance(piece, str) else "")
        elif piece.get("type") == "thinking":
            thoughts.append(_text_of(piece.get("thinking")))
        elif piece.get("type") == "reference":
            citations.append({**piece, "type": "citation"})
        else:
            texts.append(_text_of(piece.get("text")))
    part["content"] = "".join(texts)
    if thoughts:
        part["reasoning_content"] = "".join(thoughts)
    if citations:
        known = part.get("annotations")
        part["annotations"] = [*(known if isinstance(known, list) else []), *citations]


def _name_reasoning(part: dict[str, Any]) -> None:
    text = part.get("reasoning_content") or part.get("reasoning")
    if not text:
        text = _told_in_details(part.get("reasoning_details"))
    if isinstance(text, str) and text:
        part["reasoning_content"] = part["reasoning"] = text
        return
    part.pop("reasoning_content", None)
    part.pop("reasoning", None)


def _told_in_details(details: Any) -> str:
    """MiniMax and Snowflake say it nowhere else."""
    if not isinstance(details, list):
        return ""
    return "".join(
        [_text_of(entry.get("text") or entry.get("summary")) for entry in details if isinstance(entry, Mapping)]
    )


def _text_of(value: Any) -> str:
    """Text, or the text of a list of text parts."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        return ""
    return "".join([_text_of(piece.get("text")) if isinstance(piece, Mapping) else _text_of(piece) for piece in value])
