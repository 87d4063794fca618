"""An Anthropic body → a chat body: what stands around the messages. https://docs.anthropic.com/en/api/messages

Fields that both have under one name are carried along, and so are unknown ones (OpenRouter's, a provider's own). What a
chat has no words for is named: in `untranslated` where leaving it out would change what is asked, so that only a target
that speaks Anthropic's protocol is, in `ignored` where it would not.
"""

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from gateway.dialects.anthropic_blocks import fault
from gateway.dialects.anthropic_content import Conversation
from gateway.dialects.anthropic_thinking import read_thinking
from gateway.dialects.anthropic_tools import read_tool_choice, read_tools

LONGEST_MODEL_NAME = 256
LONGEST_USER = 64
"""OpenAI refuses more (https://platform.openai.com/docs/api-reference/chat/create#chat-create-user)."""
_NUMBER = frozenset({int, float})
_TYPES: Mapping[str, tuple[frozenset[type], str]] = MappingProxyType(
    {
        "max_tokens": (frozenset({int}), "a valid integer"),
        "messages": (frozenset({list}), "a valid array"),
        "metadata": (frozenset({dict}), "an object"),
        "output_config": (frozenset({dict}), "an object"),
        "output_format": (frozenset({dict}), "an object"),
        "stop_sequences": (frozenset({list}), "a valid array"),
        "stream": (frozenset({bool}), "a valid boolean"),
        "system": (frozenset({str, list}), "a string or an array of text blocks"),
        "temperature": (_NUMBER, "a valid number"),
        "thinking": (frozenset({dict}), "an object"),
        "tool_choice": (frozenset({dict}), "an object"),
        "tools": (frozenset({list}), "a valid array"),
        "top_k": (frozenset({int}), "a valid integer"),
        "top_p": (_NUMBER, "a valid number"),
    }
)
_OWN = frozenset(
    {
        "anthropic_beta",
        "anthropic_version",
        "cache_control",
        "container",
        "context_management",
        "diagnostics",
        "inference_geo",
        "max_tokens",
        "mcp_servers",
        "messages",
        "metadata",
        "output_config",
        "output_format",
        "service_tier",
        "speed",
        "stop_sequences",
        "system",
        "thinking",
        "tool_choice",
        "tools",
        "user_profile_id",
        "workspace_id",
    }
)
"""Fields that chat has not, or means differently."""
_ONLY_THERE = MappingProxyType(
    {
        "container": "Containers run at Anthropic",
        "inference_geo": "Where Anthropic computes can be asked of Anthropic",
        "mcp_servers": "MCP servers are called by Anthropic",
    }
)
_WITHOUT_EFFECT = frozenset({"context_management", "diagnostics", "user_profile_id", "workspace_id"})
_NO_SCHEMAS = frozenset({"properties", "enum", "const", "default", "examples"})
_TOOLS_WITHOUT_EFFECT = ("defer_loading", "input_examples", "allowed_callers")


class Translation(NamedTuple):
    """What a body comes to."""

    body: dict[str, Any]
    untranslated: tuple[str, str] | None
    ignored: tuple[str, ...]


def translate(native: Mapping[str, Any], *, counts: bool = False) -> Translation:
    """The chat body that asks the same. Raises InvalidRequest naming the field at fault, as Anthropic would.

    `counts`: only the tokens of the input are asked for, so that nothing says how many there may be of the output.
    """
    _check(native, counts=counts)
    talk = Conversation()
    if native.get("system") is not None:
        talk.add_system(native["system"])
    for index, message in enumerate(native["messages"]):
        talk.add(message, f"messages.{index}")
    body = {name: value for name, value in native.items() if name not in _OWN and value is not None}
    body["messages"] = talk.messages
    body["max_completion_tokens"] = 1 if counts else native["max_tokens"]
    if native.get("stop_sequences"):
        body["stop"] = native["stop_sequences"]
    if native.get("service_tier") == "standard_only":
        body["service_tier"] = "default"
    _add_user(native.get("metadata"), body)
    lacking = [
        talk.untranslated,
        *_known_there_only(native),
        read_tools(native, body),
        read_tool_choice(native, body),
        read_thinking(native, body),
        _read_format(native, body),
    ]
    return Translation(body, next((why for why in lacking if why is not None), None), _ignored(native, talk))


def _check(native: Mapping[str, Any], *, counts: bool) -> None:
    model = native.get("model")
    if type(model) is not str or not model:
        raise fault("model", "Field required" if model is None else "Input should be a valid, non-empty string")
    if len(model) > LONGEST_MODEL_NAME:
        raise fault("model", f"String should have at most {LONGEST_MODEL_NAME} characters")
    for name in ("messages",) if counts else ("max_tokens", "messages"):
        if native.get(name) is None:
            raise fault(name, "Field required")
    for name, (types, expected) in _TYPES.items():
        value = native.get(name)
        if value is not None and type(value) not in types:
            raise fault(name, f"Input should be {expected}")
    _check_values(native)


def _check_values(native: Mapping[str, Any]) -> None:
    if not native["messages"]:
        raise fault("messages", "at least one message is required")
    limit = native.get("max_tokens")
    if limit is not None and limit < 0:
        raise fault("max_tokens", "Input should be greater than or equal to 0")
    for index, text in enumerate(native.get("stop_sequences") or ()):
        if type(text) is not str:
            raise fault(f"stop_sequences.{index}", "Input should be a valid string")


def _add_user(metadata: Any, body: dict[str, Any]) -> None:
    """Whom the request is for. A name too long for OpenAI is told by its hash: still one name for one user."""
    user = metadata.get("user_id") if metadata else None
    if isinstance(user, str) and user:
        long = len(user) > LONGEST_USER
        body["user"] = hashlib.sha256(user.encode("utf-8", "surrogatepass")).hexdigest() if long else user


def _known_there_only(native: Mapping[str, Any]) -> list[tuple[str, str]]:
    lacking = [
        (name, f"{name}: {why} only. Name a model that is served there, or leave the field out.")
        for name, why in _ONLY_THERE.items()
        if native.get(name)
    ]
    if native.get("max_tokens") == 0:
        lacking.append(("max_tokens", "max_tokens: 0 warms Anthropic's cache; other models take 1 or more."))
    return lacking


def _read_format(native: Mapping[str, Any], body: dict[str, Any]) -> tuple[str, str] | None:
    """`output_config.format`, or `output_format` as it was called in its beta, → `response_format`.

    https://docs.anthropic.com/en/docs/build-with-claude/structured-outputs
    """
    config = native.get("output_config") or {}
    path, wanted = "output_config.format", config.get("format")
    if wanted is None:
        path, wanted = "output_format", native.get("output_format")
    if wanted is None:
        return None
    if type(wanted) is not dict or wanted.get("type") != "json_schema":
        return path, f"{path}: other models than Anthropic's know the type 'json_schema' only."
    schema = wanted.get("schema")
    if type(schema) is not dict:
        raise fault(f"{path}.schema", "Field required" if schema is None else "Input should be an object")
    body["response_format"] = {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema, "strict": _is_strict(schema)},
    }
    return None


def _is_strict(schema: dict[str, Any]) -> bool:
    """Whether OpenAI takes this as a strict schema: closed objects, all of whose properties are required.

    https://platform.openai.com/docs/guides/structured-outputs#supported-schemas. Others go as one to keep to as well as
    the model can, rather than being refused.
    """
    looked_at: list[Any] = [schema]
    while looked_at:  # a schema may be nested more deeply than calls can be
        part = looked_at.pop()
        if isinstance(part, list):
            looked_at += part
        elif isinstance(part, dict):
            properties = part.get("properties")
            properties = properties if isinstance(properties, dict) else {}
            if (properties or part.get("type") == "object") and not _is_closed(part, properties):
                return False
            looked_at += properties.values()
            looked_at += [value for name, value in part.items() if name not in _NO_SCHEMAS]
    return True


def _is_closed(schema: dict[str, Any], properties: dict[str, Any]) -> bool:
    required = schema.get("required")
    return schema.get("additionalProperties") is False and (
        not properties or (isinstance(required, list) and all(name in required for name in properties))
    )


def _ignored(native: Mapping[str, Any], talk: Conversation) -> tuple[str, ...]:
    ignored = [name for name in native if name in _WITHOUT_EFFECT and native[name]]
    tools = [tool for tool in native.get("tools") or () if isinstance(tool, dict)]
    ignored += [name for name in _TOOLS_WITHOUT_EFFECT if any(tool.get(name) for tool in tools)]
    ignored += ["citations"] if talk.wants_citations else []
    if native.get("speed") == "fast":
        ignored.append("speed")
    if native.get("cache_control"):
        if talk.messages:
            talk.messages[-1]["cache_control"] = native["cache_control"]
        else:
            ignored.append("cache_control")
    return tuple(ignored)
