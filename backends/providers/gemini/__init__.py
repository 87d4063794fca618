"""Gemini's generateContent and embeddings. https://ai.google.dev/api/generate-content

Vertex takes the same body under other URLs: it builds it with `render_chat`, and reads with what stands here.
"""

from backends.providers.gemini.adapter import GeminiAdapter
from backends.providers.gemini.errors import read_error
from backends.providers.gemini.request import Surface, method_url, render_chat
from backends.providers.gemini.response import read_completion
from backends.providers.gemini.stream import GeminiStreamDecoder

__all__ = [
    "GeminiAdapter",
    "GeminiStreamDecoder",
    "Surface",
    "method_url",
    "read_completion",
    "read_error",
    "render_chat",
]
