"""A chat in the common form as a body of Cohere's v2 chat. https://docs.cohere.com/reference/chat"""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import orjson

from backends.errors import NotCarried
from backends.providers.cohere.messages import render_conversation
from backends.providers.cohere.thinking import render_thinking
from backends.providers.cohere.tools import render_tools
from backends.types import ChatRequest, Target

_SAME: Mapping[str, str] = MappingProxyType(
    {"temperature": "temperature", "seed": "seed", "top_k": "k", "logprobs": "logprobs"}
)
"""Fields that at most have another name there."""
_OWN = ("citation_options", "safety_mode", "priority", "raw_prompting")
"""Cohere's own fields: a caller who knows them may say them to it."""
_READ = frozenset(
    {
        *_SAME,
        *_OWN,
        "documents",
        "frequency_penalty",
        "function_call",
        "functions",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "model",
        "presence_penalty",
        "reasoning",
        "reasoning_effort",
        "response_format",
        "stop",
        "stream",
        "stream_options",
        "strict_tools",
        "thinking",
        "tool_choice",
        "tools",
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
        "parallel_tool_calls": (True,),
        "modalities": (["text"],),
        "logit_bias": ({},),
        "repetition_penalty": (1,),
        "min_p": (0,),
        "top_logprobs": (0,),
        "service_tier": ("auto", "default"),
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
_MOST_STOPS = 5


@lru_cache(maxsize=4096)
def render_head(target: Target, path: str) -> tuple[str, Mapping[str, str]]:
    """URL and headers of every request of this kind to this target, made once."""
    headers = {
        "content-type": "application/json",
        "accept": "*/*",
        "accept-encoding": "identity",
        "user-agent": "headrace",
        **dict(target.headers),
    }
    if target.api_key:
        headers["authorization"] = f"Bearer {target.api_key}"
    return f"{target.base_url}/{path}", MappingProxyType(headers)


def render_chat(chat: ChatRequest, model: str) -> tuple[bytes, tuple[str, ...]]:
    """The body, and the caller's fields that were left out. Raises NotCarried."""
    body = chat.body
    dropped = _unknown(body)
    conversation = render_conversation(body.get("messages"))
    cohere: dict[str, Any] = {"model": model, "messages": conversation.messages, "stream": chat.stream}
    documents = [*(body.get("documents") or ()), *conversation.documents]
    if documents:
        cohere["documents"] = documents
    cohere.update(render_tools(body, dropped))
    _add_sampling(cohere, body, dropped)
    wanted = _output_format(body.get("response_format"))
    if wanted is not None:
        cohere["response_format"] = wanted
    thinking = render_thinking(body, model, dropped)
    if thinking is not None:
        cohere["thinking"] = thinking
    cohere.update({name: body[name] for name in _OWN if body.get(name) is not None})
    return orjson.dumps(cohere), tuple(dict.fromkeys(dropped))


def _unknown(body: Mapping[str, Any]) -> list[str]:
    left_out = []
    for name, value in body.items():
        if name in _READ or value is None or value in _SAYS_NOTHING.get(name, ()):
            continue
        if name in _ASKED_FOR:
            raise NotCarried(name, f"Cohere's chat can't be asked for {_ASKED_FOR[name]}.")
        left_out.append(name)
    return left_out


def _add_sampling(cohere: dict[str, Any], body: Mapping[str, Any], dropped: list[str]) -> None:
    cohere.update({own: body[name] for name, own in _SAME.items() if body.get(name) is not None})
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    if limit is not None:
        cohere["max_tokens"] = limit
    top_p = body.get("top_p")
    if top_p is not None:  # it begins above 0 and ends before 1
        cohere["p"] = min(max(top_p, 0.01), 0.99)
    for name in ("frequency_penalty", "presence_penalty"):
        value = body.get(name)
        if not value:
            continue
        if 0 < value <= 1:
            cohere[name] = value
        else:  # OpenAI's scale goes from -2 to 2
            dropped.append(name)
            if value > 1:
                cohere[name] = 1
    stop = body.get("stop")
    stops = [stop] if isinstance(stop, str) else stop
    if stops:
        if len(stops) > _MOST_STOPS:
            raise NotCarried("stop", f"Cohere takes at most {_MOST_STOPS} stop sequences.")
        cohere["stop_sequences"] = stops


def _output_format(wanted: Any) -> dict[str, Any] | None:
    """https://docs.cohere.com/docs/structured-outputs"""
    kind = wanted.get("type") if isinstance(wanted, Mapping) else None
    if kind in (None, "text"):
        return None
    if kind == "json_object":
        own = wanted.get("json_schema") or wanted.get("schema")  # as Cohere itself would have it
        return {"type": "json_object", "json_schema": own} if own else {"type": "json_object"}
    described = wanted.get("json_schema")
    schema = described.get("schema") if isinstance(described, Mapping) else None
    if kind != "json_schema" or not isinstance(schema, Mapping):
        raise NotCarried("response_format", "The format must be text, json_object, or json_schema with a schema.")
    return {"type": "json_object", "json_schema": schema}
