"""OpenAI's image generation. https://platform.openai.com/docs/api-reference/images/create"""

from collections.abc import Mapping
from types import MappingProxyType

from backends.types import ChatRequest
from gateway.dialects.json_body import SWITCH, TEXT, WHOLE
from gateway.dialects.openai_route import OpenAIRoute

DEFAULT_MODEL = "dall-e-2"
"""OpenAI's; the routing file must know it, like any other name."""


class OpenAIImages(OpenAIRoute):
    """Implements gateway.dialects.base.Dialect."""

    name = "openai_images"
    types = MappingProxyType(
        {
            "prompt": TEXT,
            "n": WHOLE,
            "stream": SWITCH,
            "partial_images": WHOLE,
            "response_format": TEXT,
            "quality": TEXT,
            "size": TEXT,
            "user": TEXT,
        }
    )
    at_least = MappingProxyType({"n": 1, "partial_images": 0})

    def parse(self, body: bytes, headers: Mapping[str, str]) -> ChatRequest:  # noqa: ARG002  the protocol's signature
        """The caller's body."""
        asked = self.read(body)
        asked.require("prompt", "what the picture is to show")
        return self.asked(asked, asked.model(DEFAULT_MODEL), stream=asked.fields.get("stream") is True)
