"""OpenAI's moderations. https://platform.openai.com/docs/api-reference/moderations/create"""

from collections.abc import Mapping
from types import MappingProxyType

from backends.types import ChatRequest
from gateway.dialects.json_body import TEXT_OR_LIST
from gateway.dialects.openai_route import OpenAIRoute
from gateway.errors import InvalidRequest

DEFAULT_MODEL = "omni-moderation-latest"
"""OpenAI's; the routing file must know it, like any other name."""


class OpenAIModerations(OpenAIRoute):
    """Implements gateway.dialects.base.Dialect."""

    name = "openai_moderations"
    types = MappingProxyType({"input": TEXT_OR_LIST})

    def parse(self, body: bytes, headers: Mapping[str, str]) -> ChatRequest:  # noqa: ARG002  the protocol's signature
        """The caller's body. An empty text is harmless, and no mistake."""
        asked = self.read(body)
        if asked.fields.get("input") in (None, []):
            raise InvalidRequest("'input' must be a string, or an array of strings or parts.", param="input")
        return self.asked(asked, asked.model(DEFAULT_MODEL))
