"""The sandbox's tokenizer: a token is four characters of text, the last one of a text may be shorter.

Real tokenizers come near that for English, and it can be checked by hand. A message costs four tokens beside its
text, as in OpenAI's formats, and a part that is no text a fixed number, whatever its size.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

TOKEN_CHARS = 4
MESSAGE_TOKENS = 4
PART_TOKENS = 256


def count_tokens(text: str) -> int:
    """How many tokens this text is."""
    return -(-len(text) // TOKEN_CHARS)


def split_tokens(text: str) -> Iterator[str]:
    """The text's tokens in order; joined they are the text."""
    return (text[at : at + TOKEN_CHARS] for at in range(0, len(text), TOKEN_CHARS))


def prompt_tokens(body: Mapping[str, Any]) -> int:
    """What a chat body's messages, tools and answer schema cost on the way in."""
    total = sum(_message_tokens(message) for message in body["messages"])
    for field in ("tools", "response_format"):
        if body.get(field):
            total += count_tokens(orjson.dumps(body[field]).decode())
    return total


def _message_tokens(message: Mapping[str, Any]) -> int:
    total = MESSAGE_TOKENS + _content_tokens(message.get("content"))
    if isinstance(name := message.get("name"), str):
        total += count_tokens(name)
    if message.get("tool_calls"):
        total += count_tokens(orjson.dumps(message["tool_calls"]).decode())
    return total


def _content_tokens(content: object) -> int:
    if isinstance(content, str):
        return count_tokens(content)
    if isinstance(content, Sequence):
        return sum(_part_tokens(part) for part in content)
    return 0


def _part_tokens(part: object) -> int:
    text = part.get("text") if isinstance(part, Mapping) else None
    return count_tokens(text) if isinstance(text, str) else PART_TOKENS
