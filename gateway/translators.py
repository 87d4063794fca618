"""Who translates what: the dialect of each generating route, and the adapter of each protocol."""

from collections.abc import Mapping

from backends.adapter import Adapter
from backends.providers.anthropic import AnthropicAdapter
from backends.providers.azure import AzureAdapter
from backends.providers.bedrock import BedrockAdapter
from backends.providers.cohere import CohereAdapter
from backends.providers.gemini import GeminiAdapter
from backends.providers.openai import OpenAIAdapter
from backends.providers.vertex import VertexAdapter
from backends.vllm import VLLMAdapter
from gateway.dialects.anthropic_count_tokens import AnthropicCountTokens
from gateway.dialects.anthropic_messages import AnthropicMessages
from gateway.dialects.base import Dialect
from gateway.dialects.openai_audio import OpenAISpeech, OpenAITranscriptions, OpenAITranslations
from gateway.dialects.openai_chat import OpenAIChat
from gateway.dialects.openai_completions import OpenAICompletions
from gateway.dialects.openai_embeddings import OpenAIEmbeddings
from gateway.dialects.openai_images import OpenAIImages
from gateway.dialects.openai_moderations import OpenAIModerations
from gateway.dialects.openai_responses import OpenAIResponses
from gateway.dialects.rerank import Rerank

_PREFIXES = ("/v1", "/openai/v1", "/api/v1", "/providers/{provider}/v1")
_ANTHROPICS = "/anthropic/v1"


def dialects() -> Mapping[str, Dialect]:
    """By path, `{provider}` standing for one segment. All are answered to POST."""
    anthropics: dict[str, Dialect] = {"messages": AnthropicMessages(), "messages/count_tokens": AnthropicCountTokens()}
    spoken: dict[str, Dialect] = {
        **anthropics,
        "chat/completions": OpenAIChat(),
        "completions": OpenAICompletions(),
        "responses": OpenAIResponses(),
        "embeddings": OpenAIEmbeddings(),
        "rerank": Rerank(),
        "moderations": OpenAIModerations(),
        "images/generations": OpenAIImages(),
        "audio/speech": OpenAISpeech(),
        "audio/transcriptions": OpenAITranscriptions(),
        "audio/translations": OpenAITranslations(),
    }
    everywhere = {f"{prefix}/{path}": dialect for prefix in _PREFIXES for path, dialect in spoken.items()}
    return everywhere | {f"{_ANTHROPICS}/{path}": dialect for path, dialect in anthropics.items()}


def adapters() -> Mapping[str, Adapter]:
    """By protocol. The sandbox speaks OpenAI's."""
    openai = OpenAIAdapter()
    return {
        "openai": openai,
        "sandbox": openai,
        "vllm": VLLMAdapter(),
        "azure": AzureAdapter(),
        "anthropic": AnthropicAdapter(),
        "gemini": GeminiAdapter(),
        "vertex": VertexAdapter(),
        "bedrock": BedrockAdapter(),
        "cohere": CohereAdapter(),
    }
