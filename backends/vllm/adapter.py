"""The four verbs for vLLM: OpenAI's protocol, but for the name of the reasoning and for what its errors say.

What stands in reasoning.py and errors.py was read off vLLM 0.32; `tests/vllm/record.py` records it anew.
"""

from collections.abc import Mapping

from backends.adapter import Begun, StreamRelay, WholeAnswer
from backends.errors import Refused
from backends.providers.openai.adapter import OpenAIAdapter
from backends.providers.openai.response import ChatAnswer
from backends.types import ChatRequest, Clocks, Target, UpstreamRequest
from backends.vllm.continuation import continued
from backends.vllm.errors import as_vllm_means_it
from backends.vllm.reasoning import name_reasoning_as_vllm_does, put_both_names
from backends.vllm.stream import VLLMStreamRelay


class VLLMAdapter(OpenAIAdapter):
    """A vLLM engine: bytes pass through both ways but for what must change. Reasoning is chat's alone; the engine's
    other routes (completions, embeddings, rerank, transcriptions) are OpenAI's to the letter.
    """

    def build_request(self, chat: ChatRequest, target: Target, clocks: Clocks) -> UpstreamRequest:
        """OpenAI's request, with the reasoning of earlier turns under the name that the engine reads."""
        return super().build_request(name_reasoning_as_vllm_does(chat), target, clocks)

    def parse_response(self, chat: ChatRequest, body: bytes) -> WholeAnswer:
        """A whole answer, its reasoning under both names."""
        try:
            answer = super().parse_response(chat, body)
        except Refused as refused:
            raise as_vllm_means_it(refused) from None
        return answer if chat.dialect != "openai_chat" else ChatAnswer(put_both_names(answer.body), answer.usage)

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> Refused:
        """An error answer, in the engine's own terms."""
        return as_vllm_means_it(super().parse_error(status, headers, body))

    def stream_relay(self, chat: ChatRequest, *, resumed: bool = False) -> StreamRelay:
        """A fresh relay for one attempt."""
        if chat.dialect != "openai_chat":
            return super().stream_relay(chat, resumed=resumed)
        return VLLMStreamRelay(hide_usage=not chat.wants_usage, resumed=resumed, choices=chat.choices)

    def continued(self, chat: ChatRequest, begun: Begun) -> ChatRequest | None:
        """The request that has the engine go on with an answer that broke off elsewhere."""
        return continued(chat, begun)
