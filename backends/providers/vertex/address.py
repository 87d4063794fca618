"""Where a project's models are reached on Vertex. https://cloud.google.com/vertex-ai/generative-ai/docs/learn/locations"""

from collections.abc import Mapping
from types import MappingProxyType

from backends.errors import NotCarried

_HOSTS: Mapping[str, str] = MappingProxyType(
    {
        "global": "aiplatform.googleapis.com",
        # Of several regions: https://cloud.google.com/vertex-ai/generative-ai/docs/learn/locations#multi-regional
        "us": "aiplatform.us.rep.googleapis.com",
        "eu": "aiplatform.eu.rep.googleapis.com",
    }
)
_ANTHROPIC = "anthropic"
_GOOGLE = "google"


def location_url(project: str, location: str) -> str:
    """The `base_url` of a target: what all of a project's models in one location have in common."""
    host = _HOSTS.get(location, f"{location}-aiplatform.googleapis.com")
    return f"https://{host}/v1/projects/{project}/locations/{location}"


def publisher_of(model: str) -> tuple[str, str]:
    """Whose model it is, and its name there. A name may say so itself: `anthropic/claude-…`,
    `publishers/google/models/gemini-…`; a plain one tells by how it begins. Raises NotCarried for other publishers',
    which are reached by OpenAI's protocol."""
    name = model.removeprefix("publishers/")
    publisher, slash, rest = name.partition("/")
    if not slash:
        return (_ANTHROPIC if name.startswith("claude") else _GOOGLE), name
    if publisher not in (_ANTHROPIC, _GOOGLE):
        raise NotCarried(
            "model",
            "Of Vertex' models, Gemini and Claude are served here. Others speak OpenAI's protocol: "
            "name a provider with 'protocol: openai' and the base_url …/endpoints/openapi.",
        )
    return publisher, rest.removeprefix("models/")


def is_claude(model: str) -> bool:
    """Whether it speaks Anthropic's Messages."""
    return model.removeprefix("publishers/").startswith(("claude", f"{_ANTHROPIC}/"))
