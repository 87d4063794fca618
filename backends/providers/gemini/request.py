"""A chat in the common form as a body of Gemini's generateContent. https://ai.google.dev/api/generate-content"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from backends.errors import NotCarried
from backends.providers import image_detail
from backends.providers.gemini.contents import render_contents
from backends.providers.gemini.extras import Extras, read_extras
from backends.providers.gemini.thinking import generation_of, is_old, render_thinking
from backends.providers.gemini.tools import render_tools
from backends.types import ChatRequest

_SAME: Mapping[str, str] = MappingProxyType(
    {
        "temperature": "temperature",
        "top_p": "topP",
        "top_k": "topK",
        "n": "candidateCount",
        "seed": "seed",
        "presence_penalty": "presencePenalty",
        "frequency_penalty": "frequencyPenalty",
        "logprobs": "responseLogprobs",
        "top_logprobs": "logprobs",
    }
)
"""Fields that only have another name there."""
_READ = frozenset(
    {
        *_SAME,
        "model",
        "messages",
        "stream",
        "stream_options",
        "max_tokens",
        "max_completion_tokens",
        "stop",
        "tools",
        "tool_choice",
        "functions",
        "function_call",
        "response_format",
        "reasoning",
        "reasoning_effort",
        "web_search_options",
        "modalities",
        "service_tier",
        "parallel_tool_calls",
        "google",
        "extra_body",
        # The gateway's own, which OpenRouter's users know: no upstream hears of them.
        "models",
        "provider",
        "usage",
        "route",
        "include_reasoning",
    }
)
_TIERS: Mapping[str, str] = MappingProxyType({"flex": "flex", "priority": "priority", "default": "standard"})
_SEGMENTS = re.compile(r"(?!\.)[\w.@-]+(?:/(?!\.)[\w.@-]+)*")


class Rendered(NamedTuple):
    """A body on its way up."""

    body: bytes
    dropped: tuple[str, ...]
    """The caller's fields that were left out."""


def method_url(models_url: str, model: str, method: str) -> str:
    """`models_url` is what comes before the model's name. Raises NotCarried for a name that would lead elsewhere:
    names may be the caller's own (`provider/model`)."""
    if not _SEGMENTS.fullmatch(model):
        raise NotCarried("model", "This provider has no model of such a name.")
    return f"{models_url}/{model}:{method}"


class Surface(NamedTuple):
    """Where the same models take slightly other requests."""

    ids: bool = True
    """Function calls and their results may bear ids."""
    tiers: bool = True
    """`service_tier` stands in the body."""


AI_STUDIO = Surface()


def render_chat(chat: ChatRequest, model: str, surface: Surface = AI_STUDIO) -> Rendered:
    """The whole body. Raises NotCarried."""
    body = chat.body
    if "messages" not in body:
        raise NotCarried("model", "This provider's models answer chats and make embeddings only.")
    dropped = [name for name, value in body.items() if name not in _READ and value is not None]
    contents = render_contents(body["messages"], generation=generation_of(model), ids=surface.ids)
    if contents.has_cache_control:
        dropped.append("cache_control")
    if image_detail.asks_for_detail(body):
        dropped.append(image_detail.NAME)
    rendered: dict[str, Any] = {"contents": contents.turns}
    if contents.system:
        rendered["systemInstruction"] = {"parts": contents.system}
    _add_tools(rendered, body, model, dropped)
    config = _config(body, model, dropped)
    _add_tier(rendered, body, dropped, served=surface.tiers)
    extras = read_extras(body, dropped)
    _merge(rendered, config, extras)
    return Rendered(orjson.dumps(rendered), tuple(dropped))


def _add_tools(rendered: dict[str, Any], body: Mapping[str, Any], model: str, dropped: list[str]) -> None:
    tools = render_tools(body)
    config = tools.config
    if tools.strict and (config is None or config == {"functionCallingConfig": {"mode": "AUTO"}}):
        # Words or a call, and the call keeps to its schema; ANY does so by itself.
        if is_old(model):
            dropped.append("tools.function.strict")
        else:
            config = {"functionCallingConfig": {"mode": "VALIDATED"}}
    if tools.tools:
        rendered["tools"] = tools.tools
    if config is not None:
        rendered["toolConfig"] = config
    if body.get("parallel_tool_calls") is False:
        dropped.append("parallel_tool_calls")


def _config(body: Mapping[str, Any], model: str, dropped: list[str]) -> dict[str, Any]:
    config = {theirs: body[ours] for ours, theirs in _SAME.items() if body.get(ours) is not None}
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    if limit is not None:
        config["maxOutputTokens"] = limit
    stop = body.get("stop")
    if stop:
        config["stopSequences"] = [stop] if isinstance(stop, str) else stop
    thinking = render_thinking(body, model, dropped)
    if thinking is not None:
        config["thinkingConfig"] = thinking
    _add_format(config, body.get("response_format"))
    _add_modalities(config, body.get("modalities"))
    return config


def _add_format(config: dict[str, Any], form: Any) -> None:
    """https://ai.google.dev/gemini-api/docs/structured-output"""
    kind = form.get("type") if isinstance(form, Mapping) else None
    if form is None or kind == "text":
        return
    if kind not in ("json_object", "json_schema"):
        raise NotCarried("response_format.type", "This provider takes text, json_object and json_schema.")
    config["responseMimeType"] = "application/json"
    if kind == "json_schema":
        described = form.get("json_schema")
        schema = described.get("schema") if isinstance(described, Mapping) else None
        if schema is not None:
            config["responseJsonSchema"] = schema


def _add_modalities(config: dict[str, Any], modalities: Any) -> None:
    if not modalities or modalities == ["text"]:
        return
    if not isinstance(modalities, list) or not set(modalities) <= {"text", "image"}:
        raise NotCarried("modalities", "This provider's chats answer in text and images.")
    config["responseModalities"] = [modality.upper() for modality in modalities]


def _add_tier(rendered: dict[str, Any], body: Mapping[str, Any], dropped: list[str], *, served: bool) -> None:
    """https://ai.google.dev/gemini-api/docs/flex-inference"""
    tier = body.get("service_tier")
    if tier is None or tier == "auto":
        return
    if served and tier in _TIERS:
        rendered["service_tier"] = _TIERS[tier]
    elif tier != "default":
        dropped.append("service_tier")


def _merge(rendered: dict[str, Any], config: dict[str, Any], extras: Extras) -> None:
    """What the caller says in Gemini's own words wins over what was made of OpenAI's."""
    config |= extras.config
    if config:
        rendered["generationConfig"] = config
    if extras.tools:
        rendered["tools"] = [*rendered.get("tools", ()), *extras.tools]
    rendered |= extras.fields
