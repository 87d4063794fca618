"""Who translates what: the dialect of each generating route, and the adapter of each protocol."""

from collections.abc import Mapping

from backends.adapter import Adapter
from backends.providers.openai import OpenAIAdapter
from backends.vllm import VLLMAdapter
from gateway.dialects.base import Dialect
from gateway.dialects.openai_chat import OpenAIChat

_PREFIXES = ("/v1", "/openai/v1", "/api/v1", "/providers/{provider}/v1")


def dialects() -> Mapping[str, Dialect]:
    """By path, `{provider}` standing for one segment. All are answered to POST."""
    spoken: dict[str, Dialect] = {"chat/completions": OpenAIChat()}
    return {f"{prefix}/{path}": dialect for prefix in _PREFIXES for path, dialect in spoken.items()}


def adapters() -> Mapping[str, Adapter]:
    """By protocol. The sandbox speaks OpenAI's."""
    openai = OpenAIAdapter()
    return {"openai": openai, "sandbox": openai, "vllm": VLLMAdapter()}
