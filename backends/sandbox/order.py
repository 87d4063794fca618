"""What a chat body asks for: read once, checked as OpenAI checks it, so that the rest can rely on it."""

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from backends.sandbox.fields import (
    MAX_OUTPUT_TOKENS,
    count,
    max_tokens,
    min_tokens,
    model_of,
    object_in,
    parse,
    stops_of,
)
from backends.sandbox.hints import MENTIONS_CHARS
from backends.sandbox.refusal import invalid

MAX_CHOICES = 128

_WORD = re.compile(r"\w{4,}")


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the caller offers."""

    name: str
    parameters: object

    def is_meant_by(self, text: str, words: Set[str]) -> bool:
        """Whether a text reads as asking for this tool: it has the name, or a longer word of its name or parameters."""
        if self.name.lower() in text:
            return True
        properties = self.parameters.get("properties") if isinstance(self.parameters, Mapping) else None
        names = [self.name, *(properties if isinstance(properties, Mapping) else ())]
        own = {word for name in names for word in _WORD.findall(str(name).lower().replace("_", " "))}
        return not own.isdisjoint(words)


@dataclass(frozen=True, slots=True)
class Order:
    """One chat request, as far as the sandbox heeds it."""

    body: Mapping[str, Any]
    model: str
    stream: bool
    usage_chunk: bool
    choices: int
    max_tokens: int
    min_tokens: int
    stops: tuple[str, ...]
    reasons: bool
    tool: Tool | None
    """The function to call in place of an answer."""
    schema: object | None
    """The schema that the answer must fit; `{}` for any JSON object."""
    last_role: str
    last_text: str


def read(raw: bytes) -> Order:
    """The order in a request's body. Raises Refusal for what OpenAI would refuse."""
    body = parse(raw)
    messages = _messages(body)
    for field in ("logprobs", "top_logprobs"):
        if body.get(field):
            raise invalid(f"The sandbox does not support '{field}'.", field, "unsupported_parameter")
    role, text = str(messages[-1].get("role")), text_of(messages[-1].get("content"))
    most = max_tokens(body)
    return Order(
        body=body,
        model=model_of(body),
        stream=body.get("stream") is True,
        usage_chunk=object_in(body, "stream_options").get("include_usage") is True,
        choices=count(body, "n", 1, MAX_CHOICES) or 1,
        max_tokens=min(most or MAX_OUTPUT_TOKENS, MAX_OUTPUT_TOKENS),
        min_tokens=min_tokens(body, most),
        stops=stops_of(body),
        reasons=body.get("reasoning_effort") not in (None, "none"),
        tool=_tool(body, role, text),
        schema=_schema(body),
        last_role=role,
        last_text=text,
    )


def text_of(content: object) -> str:
    """The text of a message's content; parts of other kinds have none."""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        return ""
    parts = (part.get("text") for part in content if isinstance(part, Mapping))
    return "".join(part for part in parts if isinstance(part, str))


def _messages(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise invalid("'messages' must be a list with at least one message.", "messages")
    for at, message in enumerate(messages):
        if not isinstance(message, dict):
            raise invalid("A message must be an object.", f"messages[{at}]")
    return messages


def _schema(body: Mapping[str, Any]) -> object | None:
    asked = object_in(body, "response_format")
    if asked.get("type") == "json_object":
        return {}
    if asked.get("type") != "json_schema":
        return None
    schema = object_in(asked, "json_schema").get("schema")
    if not isinstance(schema, Mapping):
        raise invalid("'json_schema' needs a 'schema'.", "response_format.json_schema.schema")
    return schema


def _tool(body: Mapping[str, Any], role: str, text: str) -> Tool | None:
    tools = _tools(body)
    choice = body.get("tool_choice", "auto")
    if isinstance(choice, Mapping):
        return _named(tools, object_in(choice, "function").get("name"))
    if choice == "required":
        if not tools:
            raise invalid("'tool_choice' is only allowed when 'tools' are specified.", "tool_choice")
        return _meant(tools, text) or tools[0]
    if choice == "none" or role != "user" or not tools:
        return None
    return _meant(tools, text)


def _tools(body: Mapping[str, Any]) -> list[Tool]:
    tools = body.get("tools")
    functions = (
        [object_in(tool, "function") for tool in tools if isinstance(tool, Mapping)] if isinstance(tools, list) else []
    )
    return [
        Tool(name, function.get("parameters") or {"type": "object", "properties": {}})
        for function in functions
        if isinstance(name := function.get("name"), str) and name
    ]


def _named(tools: Sequence[Tool], name: object) -> Tool:
    for tool in tools:
        if tool.name == name:
            return tool
    raise invalid(f"Tool choice {str(name)[:64]!r} not found in 'tools' parameter.", "tool_choice")


def _meant(tools: Sequence[Tool], text: str) -> Tool | None:
    head = text[:MENTIONS_CHARS].lower()
    words = set(_WORD.findall(head))
    return next((tool for tool in tools if tool.is_meant_by(head, words)), None)
