"""Embeddings, which pass as they came, as numbers or in base64.

https://platform.openai.com/docs/api-reference/embeddings
"""

import orjson

from backends.errors import BadAnswer
from backends.providers.openai.passing import PassedAnswer, read_input_usage, read_object
from backends.types import Usage

_WORTH_PARSING = 64 << 10
_LONGEST_USAGE = 4 << 10


def read_embeddings(body: bytes) -> PassedAnswer:
    """Read a 200's body. A long one is searched for its usage only: parsing a million numbers takes a tenth of a second
    of everybody's time. Nothing in numbers or base64 can be mistaken for it.
    """
    if len(body) <= _WORTH_PARSING:
        answer = read_object(body)
        if not isinstance(answer.get("data"), list):
            raise BadAnswer("a success status, but no data in the answer")
        return PassedAnswer(body, read_input_usage(answer.get("usage")))
    if b'"embedding"' not in body[:_WORTH_PARSING] or not body.rstrip().endswith(b"}"):
        raise BadAnswer("a success status, but no embeddings in the answer")
    return PassedAnswer(body, _usage_in(body))


def _usage_in(body: bytes) -> Usage | None:
    at = body.rfind(b'"usage"')
    brace = body.find(b"{", at) if at >= 0 else -1
    depth = 0
    for place in range(brace, min(len(body), brace + _LONGEST_USAGE) if brace >= 0 else -1):
        depth += (body[place] == 0x7B) - (body[place] == 0x7D)  # braces: usage holds no text that has any
        if depth == 0:
            try:
                return read_input_usage(orjson.loads(body[brace : place + 1]))
            except orjson.JSONDecodeError:
                return None
    return None
