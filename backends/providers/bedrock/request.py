"""A chat in the common form as a request of Converse.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_RequestSyntax
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import orjson

from backends.errors import NotCarried
from backends.providers import image_detail
from backends.providers.anthropic.claude import claude
from backends.providers.anthropic.schema import closed
from backends.providers.bedrock.eventstream import MEDIA_TYPE
from backends.providers.bedrock.messages import render_conversation
from backends.providers.bedrock.reasoning import Reasoning, is_claude, may_be_claude, render_reasoning
from backends.providers.bedrock.tools import render_tools
from backends.types import ChatRequest, Target

_OWN = (
    "guardrailConfig",
    "performanceConfig",
    "promptVariables",
    "requestMetadata",
    "additionalModelResponseFieldPaths",
)
"""Converse's own fields: a caller who knows them may say them to it."""
_READ = frozenset(
    {
        *_OWN,
        "additionalModelRequestFields",
        "function_call",
        "functions",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "metadata",
        "model",
        "reasoning",
        "reasoning_effort",
        "response_format",
        "service_tier",
        "stop",
        "stream",
        "stream_options",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_k",
        "top_p",
        # The gateway's own, or met by every answer: no upstream hears of them.
        "include_reasoning",
        "models",
        "plugins",
        "provider",
        "route",
        "session_id",
        "transforms",
        "usage",
    }
)
_SAYS_NOTHING: Mapping[str, tuple[Any, ...]] = MappingProxyType(
    {
        "n": (1,),
        "store": (False,),
        "logprobs": (False,),
        "parallel_tool_calls": (True,),
        "frequency_penalty": (0,),
        "presence_penalty": (0,),
        "modalities": (["text"],),
        "logit_bias": ({},),
        "repetition_penalty": (1,),
        "min_p": (0,),
        "top_logprobs": (0,),
    }
)
"""Values that ask for what happens anyway."""
_ASKED_FOR: Mapping[str, str] = MappingProxyType(
    {
        "n": "several answers at once",
        "modalities": "answers in other forms than text",
        "audio": "spoken answers",
        "web_search_options": "OpenAI's web search",
    }
)
"""Without these something else would be answered than was asked."""
_JSON_ONLY = "Answer with one JSON object and nothing else: no words around it, no code fences."
_TIERS = frozenset({"default", "flex", "priority", "reserved"})
_HOTTEST = 1.0
_METADATA = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{0,256}")
_MOST_METADATA = 16


@lru_cache(maxsize=4096)
def render_head(target: Target, *, stream: bool) -> tuple[str, Mapping[str, str]]:
    """URL and headers of every request to this target, made once. An inference profile's ARN is one path segment.

    `api_key` is a Bedrock API key; without one, a signature is put in by who holds the AWS credentials.
    https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-use.html
    """
    headers = {
        "content-type": "application/json",
        "accept": MEDIA_TYPE if stream else "application/json",
        "accept-encoding": "identity",
        "user-agent": "headrace",
        **dict(target.headers),
    }
    if target.api_key:
        headers["authorization"] = f"Bearer {target.api_key}"
    verb = "converse-stream" if stream else "converse"
    return f"{target.base_url}/model/{quote(target.model, safe='')}/{verb}", MappingProxyType(headers)


def render_body(chat: ChatRequest, model: str) -> tuple[bytes, tuple[str, ...]]:
    """The body, and the caller's fields that were left out. Raises NotCarried."""
    body = chat.body
    dropped = _unknown(body)
    conversation = render_conversation(body.get("messages"), thoughts=may_be_claude(model))
    wanted = _output_format(body.get("response_format"), model, conversation.system, dropped)
    converse: dict[str, Any] = {"messages": conversation.messages}
    if conversation.system:
        converse["system"] = conversation.system
    binds = not is_claude(model) or claude(model).takes_schemas
    tools = render_tools(body, conversation.called, dropped, strict=binds)
    if tools.config is not None:
        converse["toolConfig"] = tools.config
    reasoning = render_reasoning(
        body, model, forced=tools.forced, began_with_thought=conversation.thought_before_its_tools
    )
    dropped += reasoning.dropped
    inference = _inference(body, model, reasoning, dropped)
    if inference:
        converse["inferenceConfig"] = inference
    extra = _extra(body, model, reasoning, dropped)
    if extra:
        converse["additionalModelRequestFields"] = extra
    if wanted is not None:
        converse["outputConfig"] = {"textFormat": wanted}
    _add_options(converse, body, dropped)
    return orjson.dumps(converse), tuple(dict.fromkeys(dropped))


def _unknown(body: Mapping[str, Any]) -> list[str]:
    left_out = [image_detail.NAME] if image_detail.asks_for_detail(body) else []
    for name, value in body.items():
        if name in _READ or value is None or value in _SAYS_NOTHING.get(name, ()):
            continue
        if name in _ASKED_FOR:
            raise NotCarried(name, f"Bedrock's Converse can't be asked for {_ASKED_FOR[name]}.")
        left_out.append(name)
    return left_out


def _inference(body: Mapping[str, Any], model: str, reasoning: Reasoning, dropped: list[str]) -> dict[str, Any]:
    inference: dict[str, Any] = {}
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    if limit is not None:
        inference["maxTokens"] = limit
    for name, own in (("temperature", "temperature"), ("top_p", "topP")):
        value = body.get(name)
        if value is None:
            continue
        if not _samples(name, body, model, reasoning):
            dropped.append(name)
            continue
        if value > _HOTTEST:  # OpenAI's scale ends at 2
            dropped.append(name)
        inference[own] = min(value, _HOTTEST)
    stop = body.get("stop")
    if stop:
        inference["stopSequences"] = [stop] if isinstance(stop, str) else stop
    return inference


def _samples(name: str, body: Mapping[str, Any], model: str, reasoning: Reasoning) -> bool:
    """Whether this model takes this parameter now. https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking"""
    if not is_claude(model):
        return True
    manners = claude(model)
    if not manners.takes_sampling:
        return False
    if reasoning.thinks:
        return bool(name == "temperature" and body[name] == 1)
    return not (name == "top_p" and body.get("temperature") is not None and manners.takes_one_sampling)


def _extra(body: Mapping[str, Any], model: str, reasoning: Reasoning, dropped: list[str]) -> dict[str, Any]:
    """What goes to the model past Converse: the caller's own words for it win."""
    extra: dict[str, Any] = dict(reasoning.fields)
    top_k = body.get("top_k")
    if top_k is not None:
        if is_claude(model) and claude(model).takes_sampling and not reasoning.thinks:
            extra["top_k"] = top_k
        elif "nova" in model:
            extra["inferenceConfig"] = {"topK": top_k}
        else:
            dropped.append("top_k")
    own = body.get("additionalModelRequestFields")
    if isinstance(own, Mapping):
        extra.update(own)
    return extra


def _add_options(converse: dict[str, Any], body: Mapping[str, Any], dropped: list[str]) -> None:
    if body.get("stop"):
        # Which one it was is Claude's to tell; others have no such field, and Converse passes over a path in vain.
        converse["additionalModelResponseFieldPaths"] = ["/stop_sequence"]
    tier = body.get("service_tier")
    if tier in _TIERS:
        converse["serviceTier"] = {"type": tier}
    elif tier not in (None, "auto"):
        dropped.append("service_tier")
    metadata = body.get("metadata")
    if metadata:
        if _is_request_metadata(metadata):
            converse["requestMetadata"] = metadata
        else:
            dropped.append("metadata")
    for name in _OWN:
        if body.get(name) is not None:
            converse[name] = body[name]


def _output_format(wanted: Any, model: str, system: list[dict[str, Any]], dropped: list[str]) -> dict[str, Any] | None:
    """A schema binds. For JSON alone there is no grammar: it is asked for in words, and said to be no more than that.

    https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html
    """
    kind = wanted.get("type") if isinstance(wanted, Mapping) else None
    if kind in (None, "text"):
        return None
    if kind == "json_object":
        system.append({"text": _JSON_ONLY})
        dropped.append("response_format")
        return None
    described = wanted.get("json_schema")
    given = described.get("schema") if isinstance(described, Mapping) else None
    if kind != "json_schema" or not isinstance(given, Mapping):
        raise NotCarried("response_format", "The format must be text, json_object, or json_schema with a schema.")
    if is_claude(model):
        if not claude(model).takes_schemas:
            raise NotCarried("response_format", "Schemas for answers need a Claude of version 4.5 or later.")
        given, softened = closed(given, "response_format.json_schema.schema")
        dropped += sorted(f"response_format.schema.{name}" for name in softened)
    schema: dict[str, Any] = {"schema": orjson.dumps(given).decode()}
    for name in ("name", "description"):
        if described.get(name):
            schema[name] = described[name]
    return {"type": "json_schema", "structure": {"jsonSchema": schema}}


def _is_request_metadata(metadata: Any) -> bool:
    return (
        isinstance(metadata, Mapping)
        and len(metadata) <= _MOST_METADATA
        and all(
            isinstance(text, str) and _METADATA.fullmatch(text) is not None
            for pair in metadata.items()
            for text in pair
        )
    )
