"""What the routes beside chat share: a request passes with another model's name in it, an answer as it came."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from backends.errors import BadAnswer
from backends.providers.openai.errors import error_in_answer
from backends.providers.openai.request import rename_model
from backends.types import ChatRequest, Usage


class PassedAnswer(NamedTuple):
    """The bytes for the caller, and what they say of usage."""

    body: bytes
    usage: Usage | None


def render_renamed(chat: ChatRequest, model: str) -> bytes:
    """The caller's bytes with the upstream's model name; of usage in streams, these routes know nothing to ask."""
    named = chat.body.get("model") == chat.model  # if not, the name is the route's default
    if named and model == chat.model:
        return chat.raw
    renamed = rename_model(chat.raw, model, plain=chat.plain) if named else None
    return orjson.dumps({**chat.body, "model": model}) if renamed is None else renamed


def read_object(body: bytes) -> dict[str, Any]:
    """The object in a 200's body. Raises BadAnswer when there is none, Refused for an error inside a 200."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadAnswer("a success status, but the body is not JSON") from error
    if not isinstance(answer, dict):
        raise BadAnswer("a success status, but the body is not an object")
    if answer.get("error"):
        raise error_in_answer(answer)
    return answer


def read_input_usage(usage: Any) -> Usage | None:
    """The usage of an answer that no tokens were written for; None when there is none.

    OpenAI says `prompt_tokens`, Voyage and Jina `total_tokens` alone (https://docs.voyageai.com/reference).
    """
    if not isinstance(usage, Mapping):
        return None
    for name in ("prompt_tokens", "input_tokens", "total_tokens"):
        count = usage.get(name)
        if isinstance(count, (int, float)) and count >= 0:
            return Usage(input=int(count))
    return None
