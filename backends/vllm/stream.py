"""A stream of vLLM's on its way through: OpenAI's, with the reasoning under both names."""

from backends.errors import Refused
from backends.providers.openai.stream import OpenAIStreamRelay
from backends.vllm.errors import as_vllm_means_it
from backends.vllm.reasoning import put_both_names


class VLLMStreamRelay(OpenAIStreamRelay):
    """Implements backends.adapter.StreamRelay."""

    __slots__ = ()

    def feed(self, data: bytes) -> bytes:
        """Any cut of the bytes gives the same whole. An engine that dies says so inside its 200."""
        passed = super().feed(data)
        if isinstance(self.error, Refused):
            self.error = as_vllm_means_it(self.error)
        return passed

    def passing(self, data: bytes) -> bytes:
        """Whole events, about to go to the caller."""
        return put_both_names(data)
