"""The verbs of OpenAI's protocol at Azure's addresses, with Azure's kinds of key.

Answers and streams are OpenAI's: the first chunk, which has no choices and says what was found wrong with the prompt,
and `content_filter_results` in each choice, pass as they came. Errors are told apart in providers/openai/faults.py.
"""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from backends.providers.azure.address import route
from backends.providers.openai.adapter import OpenAIAdapter
from backends.providers.openai.request import render_head
from backends.types import Target


class AzureAdapter(OpenAIAdapter):
    """Implements backends.adapter.Adapter."""

    def head(self, target: Target) -> tuple[str, Mapping[str, str]]:
        """With `api-key`, or with the token that is given in its place."""
        return _head(target)

    def url(self, target: Target, dialect: str, usual: str) -> str:
        """Under the deployment, or on the v1 surface."""
        return route(target.base_url, target.model, target.api_version, dialect, usual)


@lru_cache(maxsize=4096)
def _head(target: Target) -> tuple[str, Mapping[str, str]]:
    _, plain = render_head(target)
    headers = {name: value for name, value in plain.items() if name not in ("authorization", "api-key")}
    headers |= {name: value for name, value in target.headers if name.lower() in ("authorization", "api-key")}
    key = target.api_key
    if key:
        headers |= {"authorization": f"Bearer {key}"} if _is_token(key) else {"api-key": key}
    return route(target.base_url, target.model, target.api_version, "openai_chat", "/chat/completions"), (
        MappingProxyType(headers)
    )


def _is_token(key: str) -> bool:
    """An Entra access token that somebody else keeps fresh: a JSON web token. Keys hold no dots."""
    return key.startswith("eyJ") and key.count(".") == 2
