"""Anthropic's Messages as Vertex takes them: the model in the URL, the version in the body.

https://docs.anthropic.com/en/api/claude-on-vertex-ai
"""

from collections.abc import Mapping
from types import MappingProxyType

import orjson

from backends.providers.anthropic import render_messages
from backends.providers.gemini import method_url
from backends.types import ChatRequest, Clocks, Target, UpstreamRequest

MESSAGES = "anthropic_messages"
COUNT = "anthropic_count_tokens"
_VERSION = "vertex-2023-10-16"


def build_request(
    chat: ChatRequest, target: Target, model: str, headers: Mapping[str, str], clocks: Clocks
) -> UpstreamRequest:
    """The caller's own message, or the common form in Anthropic's words. Raises NotCarried."""
    models = f"{target.base_url}/publishers/anthropic/models"
    if chat.dialect == COUNT:  # a model of its own, which is told the other's name
        body = orjson.dumps({**(chat.native or chat.body), "model": model, "anthropic_version": _VERSION})
        url = method_url(models, "count-tokens", "rawPredict")
        return UpstreamRequest("POST", url, headers, body, False, clocks.connect_s)
    rendered = render_messages(chat, model)
    message = {name: value for name, value in rendered.body.items() if name != "model"}
    body = orjson.dumps({"anthropic_version": _VERSION, **message})
    if rendered.betas:
        headers = MappingProxyType({**headers, "anthropic-beta": ",".join(rendered.betas)})
    url = method_url(models, model, "streamRawPredict" if chat.stream else "rawPredict")
    return UpstreamRequest("POST", url, headers, body, chat.stream, clocks.connect_s, rendered.dropped)
