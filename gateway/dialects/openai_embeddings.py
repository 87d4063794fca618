"""OpenAI's embeddings. https://platform.openai.com/docs/api-reference/embeddings/create"""

from array import array
from base64 import b64encode
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from backends.types import ChatRequest, Usage
from gateway.dialects.json_body import TEXT, WHOLE
from gateway.dialects.openai_route import OpenAIRoute
from gateway.errors import InvalidRequest


class OpenAIEmbeddings(OpenAIRoute):
    """Implements gateway.dialects.base.Dialect."""

    name = "openai_embeddings"
    translatable = True
    types = MappingProxyType({"encoding_format": TEXT, "dimensions": WHOLE, "user": TEXT})
    at_least = MappingProxyType({"dimensions": 1})

    def parse(self, body: bytes, headers: Mapping[str, str]) -> ChatRequest:  # noqa: ARG002  the protocol's signature
        """The caller's body. vLLM takes `messages` in place of an input."""
        asked = self.read(body)
        model = asked.model()
        if asked.fields.get("input") is not None or not asked.fields.get("messages"):
            given = asked.require("input", "a string, or an array of strings or tokens")
            if not isinstance(given, str | list):
                raise InvalidRequest("'input' must be a string, or an array of strings or tokens.", param="input")
        return self.asked(asked, model)

    def render(self, chat: ChatRequest, answer: Mapping[str, Any], usage: Usage | None) -> bytes:
        """An answer whose embeddings are lists of numbers, in the encoding that was asked for."""
        if chat.body.get("encoding_format") == "base64":
            answer = {**answer, "data": [_in_base64(entry) for entry in answer["data"]]}
        return super().render(chat, answer, usage)


def _in_base64(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """As OpenAI packs them: little-endian floats of four bytes."""
    numbers = entry["embedding"]
    return {**entry, "embedding": pack(numbers)} if isinstance(numbers, list) else entry


def pack(numbers: list[float]) -> str:
    """An embedding in base64."""
    packed = array("f", numbers)
    if _BIG_ENDIAN:
        packed.byteswap()
    return b64encode(packed.tobytes()).decode("ascii")


_BIG_ENDIAN = array("H", [1]).tobytes() == b"\0\1"
