"""How an upstream is asked to go on with an answer that broke off elsewhere: it stands as the last message.

In the common form, so that each protocol says it in its own way. Whether a model takes it so, nobody can tell from its
name: the routing file declares it (`capabilities: [continue]`), and nobody else is asked.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import orjson

from backends.adapter import Begun
from backends.types import ChatRequest

_LIMITS = ("max_tokens", "max_completion_tokens")
_THINKING = frozenset({"reasoning", "reasoning_effort", "thinking", "enable_thinking", "thinking_budget"})
_HARMLESS: Mapping[str, tuple[Any, ...]] = MappingProxyType(
    {
        "n": (1,),
        "logprobs": (False,),
        "top_logprobs": (0,),
        "prompt_logprobs": (),
        "echo": (False,),
        "audio": (),
        "functions": ([],),
        "response_format": ({"type": "text"},),
        "structured_outputs": (),
        "guided_json": (),
        "guided_regex": (),
        "guided_choice": (),
        "guided_grammar": (),
        "return_token_ids": (False,),
    }
)
"""Fields with which an answer is more than a plain text that can be taken up anywhere, but for these values of them.
A grammar, for one, begins anew with each request."""


def is_plain(body: Mapping[str, Any]) -> bool:
    """Whether the answer to this is a text that somebody else can go on with."""
    return not any(body[name] is not None and body[name] not in _HARMLESS[name] for name in _HARMLESS.keys() & body)


def prefilled(chat: ChatRequest, begun: Begun) -> ChatRequest | None:
    """The request with the begun answer as its last message. Whoever prefills has thought already."""
    text = begun.content.rstrip()
    body = what_is_left(chat.body, begun)
    if body is None or not text:
        return None
    body["messages"] = [*chat.body["messages"], {"role": "assistant", "content": text}]
    return rewritten(chat, body)


def what_is_left(body: Mapping[str, Any], begun: Begun) -> dict[str, Any] | None:
    """The body without its wishes for reasoning, and with what is left of its limits; None: nothing is left."""
    left = {name: value for name, value in body.items() if name not in _THINKING}
    for name in _LIMITS:
        if isinstance(left.get(name), int):
            left[name] -= begun.tokens
            if left[name] < 1:
                return None
    if isinstance(left.get("min_tokens"), int):
        left["min_tokens"] = max(left["min_tokens"] - begun.tokens, 0)
    return left


def rewritten(chat: ChatRequest, body: dict[str, Any]) -> ChatRequest:
    """The same request with another body, in the common form whatever it came in."""
    raw = orjson.dumps(body)
    return chat._replace(raw=raw, body=body, plain=True, dialect="openai_chat", native=None, untranslated=None)
