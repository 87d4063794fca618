"""OpenAI's text completions. https://platform.openai.com/docs/api-reference/completions/create

They are not carried to targets that only chat: a template would be put around the prompt, and the answer would be that
of another question.
"""

from collections.abc import Mapping
from types import MappingProxyType

from backends.types import AnswerKind, ChatRequest
from gateway.dialects.json_body import OBJECT, SWITCH, TEXT, TEXT_OR_LIST, WHOLE
from gateway.dialects.openai_route import OpenAIRoute
from gateway.errors import InvalidRequest


class OpenAICompletions(OpenAIRoute):
    """Implements gateway.dialects.base.Dialect."""

    name = "openai_completions"
    answers = AnswerKind.TEXT
    types = MappingProxyType(
        {
            "prompt": TEXT_OR_LIST,
            "stream": SWITCH,
            "stream_options": OBJECT,
            "max_tokens": WHOLE,
            "max_completion_tokens": WHOLE,
            "n": WHOLE,
            "best_of": WHOLE,
            "echo": SWITCH,
            "stop": TEXT_OR_LIST,
            "suffix": TEXT,
            "user": TEXT,
        }
    )
    at_least = MappingProxyType({"max_tokens": 0, "max_completion_tokens": 0, "n": 1, "best_of": 0})

    def parse(self, body: bytes, headers: Mapping[str, str]) -> ChatRequest:  # noqa: ARG002  the protocol's signature
        """The caller's body. vLLM takes `prompt_embeds` in place of a prompt."""
        asked = self.read(body)
        fields = asked.fields
        model = asked.model()
        if fields.get("prompt") in (None, []) and not fields.get("prompt_embeds"):
            raise InvalidRequest("'prompt' must be a string, or an array of strings or tokens.", param="prompt")
        wants_usage = bool((fields.get("stream_options") or {}).get("include_usage"))
        return self.asked(asked, model, stream=fields.get("stream") is True, wants_usage=wants_usage)
