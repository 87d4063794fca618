"""Text completions: OpenAI's older route, and what base models are served by. Answers hold text in place of messages.

https://platform.openai.com/docs/api-reference/completions
"""

from typing import Any

from backends.errors import BadAnswer
from backends.providers.openai.passing import PassedAnswer, read_object
from backends.providers.openai.response import read_usage
from backends.providers.openai.stream import OpenAIStreamRelay
from backends.types import ChatRequest


def read_text_completion(body: bytes) -> PassedAnswer:
    """Read a 200's body. Raises BadAnswer for what is no completion."""
    answer = read_object(body)
    if not answer.get("choices"):
        raise BadAnswer("a success status, but no choices in the answer")
    return PassedAnswer(body, read_usage(answer.get("usage")))


class TextRelay(OpenAIStreamRelay):
    """Implements backends.adapter.StreamRelay: chat's, but that the text stands in the choice itself."""

    __slots__ = ()

    def _hear_choice(self, choice: dict[str, Any]) -> None:
        if choice.get("text"):
            self.committed = self.flowing = True
            self.content_events += 1
        if choice.get("finish_reason"):
            self._end(choice)


def text_relay(chat: ChatRequest, *, resumed: bool) -> TextRelay:
    """A fresh relay for one attempt."""
    return TextRelay(hide_usage=not chat.wants_usage, resumed=resumed, choices=chat.choices)
