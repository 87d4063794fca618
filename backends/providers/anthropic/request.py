"""A chat in the common form as a body of Anthropic's Messages. https://docs.anthropic.com/en/api/messages

What has no word here and changes what is asked is refused (NotCarried), what merely can't be honoured is left out and
named. Nothing is left out silently.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from backends.errors import NotCarried
from backends.providers import image_detail
from backends.providers.anthropic.claude import Claude, claude
from backends.providers.anthropic.head import join_betas
from backends.providers.anthropic.parts import FILES_BETA
from backends.providers.anthropic.prompt import Prompt, render_prompt
from backends.providers.anthropic.schema import closed
from backends.providers.anthropic.thinking import Thinking, render_thinking
from backends.providers.anthropic.tools import Tools, render_tools
from backends.providers.openai.request import rename_model
from backends.types import ChatRequest

DIALECT = "anthropic_messages"
_CARRIED = frozenset(
    {"model", "messages", "stream", "max_tokens", "max_completion_tokens", "tools", "tool_choice"}
    | {"parallel_tool_calls", "reasoning", "reasoning_effort", "include_reasoning", "thinking", "response_format"}
    | {"stop", "temperature", "top_p", "top_k", "user", "safety_identifier", "metadata", "service_tier"}
)
_OURS = frozenset({"stream_options", "models", "provider", "route", "transforms", "plugins", "usage", "session_id"})
"""For the gateway, or met by every answer."""
_AS_THEY_ARE = ("cache_control", "inference_geo")
"""Anthropic's own fields, from callers who write them into OpenAI's body."""
_NEUTRAL: Mapping[str, Any] = MappingProxyType(
    {
        "n": 1,
        "logprobs": False,
        "top_logprobs": 0,
        "presence_penalty": 0,
        "frequency_penalty": 0,
        "repetition_penalty": 1,
        "min_p": 0,
        "store": False,
        "logit_bias": {},
        "modalities": ["text"],
        "functions": [],
    }
)
"""Values that ask for nothing."""
_REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "n": "Claude gives one answer to a request: send it n times.",
        "functions": "Functions are called tools here: send tools and tool_choice.",
        "audio": "Claude writes text only.",
        "modalities": "Claude writes text only.",
        "web_search_options": "Send Anthropic's own tool: {'type': 'web_search_20250305', 'name': 'web_search'}.",
    }
)
_TIERS: Mapping[str, str] = MappingProxyType(
    {"auto": "auto", "priority": "auto", "default": "standard_only", "standard_only": "standard_only"}
)
_JSON_ONLY = "Answer with one JSON object and nothing else: no words around it, no code fences."


class Rendered(NamedTuple):
    """A Messages body on its way up."""

    body: dict[str, Any]
    """With `model`, `max_tokens`, and `stream` where it was asked for. A cloud takes out what it says elsewhere."""
    betas: tuple[str, ...]
    """Values of `anthropic-beta` that this body needs or that the caller gave."""
    dropped: tuple[str, ...]
    """The caller's fields that were left out: for UpstreamRequest.dropped."""


def render_body(chat: ChatRequest, model: str) -> bytes:
    """The caller's own bytes, who speaks Anthropic's Messages, with the upstream's model name."""
    if model == chat.model:
        return chat.raw
    renamed = rename_model(chat.raw, model, plain=chat.plain)
    return renamed if renamed is not None else written({**(chat.native or chat.body), "model": model})


def written(body: Mapping[str, Any]) -> bytes:
    """As JSON. Raises NotCarried for what is nested more deeply than can be written: it is read from deeper nests."""
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError as error:
        raise NotCarried("messages", "The body is nested too deeply.") from error


def render_messages(chat: ChatRequest, model: str) -> Rendered:
    """From the common form; from the caller's own body, where it is one of Anthropic's. Raises NotCarried."""
    if chat.native is not None and chat.dialect == DIALECT:
        return Rendered({**chat.native, "model": model}, join_betas(chat.headers), ())
    body = chat.body
    if "messages" not in body:
        raise NotCarried("model", "this model is for chats; ask a model that is made for what this route does")
    dropped = _judge(body)
    card = claude(model)
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    # Anthropic wants a limit. A caller of OpenAI's who sets none gets what the model can give, so here as well.
    sent: dict[str, Any] = {"model": model, "max_tokens": limit or card.most_output}
    prompt = render_prompt(body["messages"])
    tools = render_tools(body, strict=card.takes_schemas)
    thinking = render_thinking(body, card, sent["max_tokens"], limited=bool(limit))
    thinking = _as_tools_allow(thinking, tools, prompt, body)
    _put_output(sent, prompt, body, card, thinking, dropped)
    if prompt.system:
        sent["system"] = prompt.system
    sent["messages"] = prompt.messages
    if tools.tools:
        sent["tools"] = tools.tools
    if tools.choice is not None:
        sent["tool_choice"] = tools.choice
    if thinking.config is not None:
        sent["thinking"] = thinking.config
    _put_sampling(sent, body, card, thinking, dropped)
    _put_rest(sent, body, dropped)
    if chat.stream:
        sent["stream"] = True
    dropped += [*prompt.dropped, *tools.dropped, *thinking.dropped]
    betas = join_betas(chat.headers, (FILES_BETA,) if _names_files(prompt) else ())
    return Rendered(sent, betas, tuple(dict.fromkeys(dropped)))


def _judge(body: Mapping[str, Any]) -> list[str]:
    """The fields that are left out. Raises NotCarried for those that can't be."""
    dropped = [image_detail.NAME] if image_detail.asks_for_detail(body) else []
    for name, value in body.items():
        if value is None or name in _CARRIED or name in _OURS or name in _AS_THEY_ARE:
            continue
        if name in _NEUTRAL and value == _NEUTRAL[name]:
            continue
        if name in _REFUSED:
            raise NotCarried(name, f"'{name}' can't be carried to Anthropic. {_REFUSED[name]}")
        dropped.append(name)
    return dropped


def _as_tools_allow(thinking: Thinking, tools: Tools, prompt: Prompt, body: Mapping[str, Any]) -> Thinking:
    """Thinking gives way where Anthropic would refuse it.

    https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking#extended-thinking-with-tool-use
    """
    if thinking.on and (tools.forced or (thinking.budgeted and not prompt.thought_before_its_tools)):
        name = next((name for name in ("thinking", "reasoning") if body.get(name)), "reasoning_effort")
        return Thinking(None, thinking.effort, (*thinking.dropped, name))
    return thinking


def _put_output(
    sent: dict[str, Any],
    prompt: Prompt,
    body: Mapping[str, Any],
    card: Claude,
    thinking: Thinking,
    dropped: list[str],
) -> None:
    """`output_config`: how much effort, and in what form. It may add a line to the instructions."""
    config: dict[str, Any] = {"effort": thinking.effort} if thinking.effort is not None else {}
    wanted = body.get("response_format") or {}
    kind = wanted.get("type")
    if kind == "json_schema":
        named = wanted.get("json_schema")
        given = named.get("schema") if isinstance(named, dict) else None
        param = "response_format.json_schema.schema"
        if not card.takes_schemas or not isinstance(given, dict):
            raise NotCarried(param, "Schemas for answers need a schema, and a Claude of version 4.5 or later.")
        schema, softened = closed(given, param)
        config["format"] = {"type": "json_schema", "schema": schema}
        dropped += sorted(f"response_format.schema.{name}" for name in softened)
    elif kind == "json_object":  # no grammar for it: asked for in words, and said to be no more than that
        prompt.system.append({"type": "text", "text": _JSON_ONLY})
        dropped.append("response_format")
    elif kind not in (None, "text"):
        raise NotCarried("response_format.type", "The format must be text, json_object or json_schema.")
    if config:
        sent["output_config"] = config


def _put_sampling(
    sent: dict[str, Any], body: Mapping[str, Any], card: Claude, thinking: Thinking, dropped: list[str]
) -> None:
    """Temperatures end at 1 here, and thinking allows few.

    https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking#feature-compatibility
    """
    temperature, top_p, top_k = body.get("temperature"), body.get("top_p"), body.get("top_k")
    free = card.takes_sampling and not thinking.on
    if temperature is not None and temperature != 1:
        if not free or temperature > 1:
            dropped.append("temperature")
        if free:
            sent["temperature"] = min(temperature, 1)
    if top_p is not None and top_p != 1:
        both = "temperature" in sent and card.takes_one_sampling
        if both or not card.takes_sampling or (thinking.on and top_p < 0.95):
            dropped.append("top_p")
        else:
            sent["top_p"] = top_p
    if top_k:
        if free:
            sent["top_k"] = top_k
        else:
            dropped.append("top_k")


def _put_rest(sent: dict[str, Any], body: Mapping[str, Any], dropped: list[str]) -> None:
    stop = body.get("stop")
    stops = [stop] if isinstance(stop, str) else list(stop or ())
    kept = [text for text in stops if isinstance(text, str) and text.strip()]  # blank ones are refused
    if kept:
        sent["stop_sequences"] = kept
    if len(kept) != len(stops):
        dropped.append("stop")
    metadata = body.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    user = body.get("user") or body.get("safety_identifier") or metadata.get("user_id")
    if user:
        sent["metadata"] = {"user_id": user}
    if metadata and set(metadata) != {"user_id"}:
        dropped.append("metadata")
    tier = body.get("service_tier")
    if isinstance(tier, str) and tier in _TIERS:
        sent["service_tier"] = _TIERS[tier]
    elif tier is not None:
        dropped.append("service_tier")
    for name in _AS_THEY_ARE:
        if body.get(name) is not None:
            sent[name] = body[name]


def _names_files(prompt: Prompt) -> bool:
    return any(
        isinstance(block.get("source"), dict) and block["source"].get("type") == "file"
        for message in prompt.messages
        for block in message["content"]
    )
