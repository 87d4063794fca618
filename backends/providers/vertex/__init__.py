"""Google Cloud's Vertex: Gemini and Claude behind one door. https://cloud.google.com/vertex-ai/generative-ai/docs"""

from backends.providers.vertex.adapter import VertexAdapter
from backends.providers.vertex.address import location_url

__all__ = ["VertexAdapter", "location_url"]
