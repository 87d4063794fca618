"""Our own cluster of vLLM engines: Qwen3, and whatever else they serve. So far the wire format."""

from backends.vllm.adapter import VLLMAdapter
from backends.vllm.stream import VLLMStreamRelay

__all__ = ["VLLMAdapter", "VLLMStreamRelay"]
