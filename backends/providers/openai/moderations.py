"""Moderations. No usage is reported, and OpenAI charges nothing.

https://platform.openai.com/docs/api-reference/moderations
"""

from backends.errors import BadAnswer
from backends.providers.openai.passing import PassedAnswer, read_input_usage, read_object


def read_moderation(body: bytes) -> PassedAnswer:
    """Read a 200's body. Raises BadAnswer for what is no moderation. Mistral's has a usage."""
    answer = read_object(body)
    if not isinstance(answer.get("results"), list):
        raise BadAnswer("a success status, but no results in the answer")
    return PassedAnswer(body, read_input_usage(answer.get("usage")))
