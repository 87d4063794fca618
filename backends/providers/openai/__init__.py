"""OpenAI's chat completions, and everybody who speaks it. https://platform.openai.com/docs/api-reference/chat"""

from backends.providers.openai.adapter import OpenAIAdapter
from backends.providers.openai.stream import OpenAIStreamRelay

__all__ = ["OpenAIAdapter", "OpenAIStreamRelay"]
