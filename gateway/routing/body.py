"""What a chat body asks for, read without judging it: a field of the wrong kind asks for nothing."""

from collections.abc import Iterator, Mapping
from typing import Any

IMAGES = frozenset({"image_url", "input_image", "image"})
AUDIO = frozenset({"input_audio", "audio_url", "audio"})
FILES = frozenset({"file", "input_file", "document"})
VIDEO = frozenset({"video_url", "input_video", "video"})


def messages(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Those that are messages."""
    given = body.get("messages")
    return [message for message in given if isinstance(message, dict)] if isinstance(given, list) else []


def kinds_of_parts(body: Mapping[str, Any]) -> set[Any]:
    """The types of all content parts."""
    given = body.get("messages")
    if not isinstance(given, list):
        return set()
    return {
        part.get("type")
        for message in given
        if isinstance(message, dict) and isinstance(message.get("content"), list)
        for part in message["content"]
        if isinstance(part, dict) and isinstance(part.get("type"), str)
    }


def output_limit(body: Mapping[str, Any]) -> int:
    """The most tokens that the caller wants; 0: it names no limit."""
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    return limit if isinstance(limit, int) else 0


def has_tools(body: Mapping[str, Any]) -> bool:
    """Whether there is something to call."""
    return bool(body.get("tools") or body.get("functions"))


def format_of(body: Mapping[str, Any]) -> str | None:
    """What the answer must look like: `json_schema`, `json_object`, `text`."""
    wanted = body.get("response_format")
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    return kind if isinstance(kind, str) else None


def reasons(body: Mapping[str, Any]) -> bool:
    """Whether reasoning was asked for, in OpenAI's words or in OpenRouter's."""
    reasoning = body.get("reasoning")
    if isinstance(reasoning, dict):
        effort = reasoning.get("effort")
        wanted = reasoning.get("enabled") is True or bool(reasoning.get("max_tokens"))
        return reasoning.get("enabled") is not False and (wanted or effort not in (None, "none"))
    return body.get("reasoning_effort") not in (None, "none")


def speaks(body: Mapping[str, Any]) -> bool:
    """Whether sound is asked for."""
    modalities = body.get("modalities")
    return isinstance(modalities, list) and "audio" in modalities


def wants_logprobs(body: Mapping[str, Any]) -> bool:
    """Whether the tokens' probabilities are asked for. Text completions name a number, and 0 is one."""
    given = body.get("logprobs")
    return given is not None and given is not False


def wants_several(body: Mapping[str, Any]) -> bool:
    """Whether more than one answer is asked for."""
    return any(isinstance(count := body.get(name), int) and count > 1 for name in ("n", "best_of"))


def words(body: Mapping[str, Any]) -> Iterator[str]:
    """Every text that a model would read: media and ids that travel as text are none, and neither are settings."""
    waiting = [body[name] for name in _READ if name in body]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            if not one.startswith("data:"):
                yield one
        elif isinstance(one, list):
            waiting.extend(one)
        elif isinstance(one, dict):
            waiting.extend(inner for name, inner in one.items() if name not in _NO_WORDS)


_READ = ("messages", "tools", "functions", "prompt", "suffix", "response_format")
_NO_WORDS = frozenset(
    {"role", "type", "data", "file_data", "url", "image_url", "encrypted_content", "signature", "file_id", "id"}
)
