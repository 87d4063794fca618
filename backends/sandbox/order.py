"""What a chat body asks for: read once, checked as OpenAI checks it, so that the rest can rely on it."""

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import orjson

from backends.sandbox.hints import MENTIONS_CHARS
from backends.sandbox.refusal import invalid

MAX_CHOICES = 128
MAX_OUTPUT_TOKENS = 131_072
MAX_STOPS = 16

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
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise invalid("We could not parse the JSON body of your request.", None) from error
    if not isinstance(body, dict):
        raise invalid("The body must be a JSON object.", None)
    messages = _messages(body)
    for field in ("logprobs", "top_logprobs"):
        if body.get(field):
            raise invalid(f"The sandbox does not support '{field}'.", field, "unsupported_parameter")
    role, text = str(messages[-1].get("role")), text_of(messages[-1].get("content"))
    most = _max_tokens(body)
    return Order(
        body=body,
        model=_model(body),
        stream=body.get("stream") is True,
        usage_chunk=_field(body, "stream_options").get("include_usage") is True,
        choices=_count(body, "n", 1, MAX_CHOICES) or 1,
        max_tokens=min(most or MAX_OUTPUT_TOKENS, MAX_OUTPUT_TOKENS),
        min_tokens=_min_tokens(body, most),
        stops=_stops(body),
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


def _model(body: Mapping[str, Any]) -> str:
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise invalid("you must provide a model parameter", "model")
    return model


def _field(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = body.get(name)
    return part if isinstance(part, Mapping) else {}


def _count(body: Mapping[str, Any], name: str, least: int, most: int | None = None) -> int | None:
    number = body.get(name)
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int):
        raise invalid(f"'{name}' must be an integer.", name, "invalid_type")
    if number < least or (most is not None and number > most):
        raise invalid(f"'{name}' is out of range: it starts at {least}.", name, "integer_out_of_range")
    return number


def _max_tokens(body: Mapping[str, Any]) -> int | None:
    newer, older = (_count(body, name, 1) for name in ("max_completion_tokens", "max_tokens"))
    return newer or older


def _min_tokens(body: Mapping[str, Any], most: int | None) -> int:
    """vLLM's `min_tokens` and `ignore_eos`: load generators order answers of a given length with them."""
    if body.get("ignore_eos") is True and most is not None:
        return most
    return _count(body, "min_tokens", 0) or 0


def _stops(body: Mapping[str, Any]) -> tuple[str, ...]:
    stops = body.get("stop")
    if stops is None:
        return ()
    listed = [stops] if isinstance(stops, str) else stops
    if not isinstance(listed, list) or len(listed) > MAX_STOPS or not all(isinstance(stop, str) for stop in listed):
        raise invalid(f"'stop' must be a string, or a list of at most {MAX_STOPS}.", "stop")
    return tuple(stop for stop in listed if stop)


def _schema(body: Mapping[str, Any]) -> object | None:
    asked = _field(body, "response_format")
    if asked.get("type") == "json_object":
        return {}
    if asked.get("type") != "json_schema":
        return None
    schema = _field(asked, "json_schema").get("schema")
    if not isinstance(schema, Mapping):
        raise invalid("'json_schema' needs a 'schema'.", "response_format.json_schema.schema")
    return schema


def _tool(body: Mapping[str, Any], role: str, text: str) -> Tool | None:
    tools = _tools(body)
    choice = body.get("tool_choice", "auto")
    if isinstance(choice, Mapping):
        return _named(tools, _field(choice, "function").get("name"))
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
        [_field(tool, "function") for tool in tools if isinstance(tool, Mapping)] if isinstance(tools, list) else []
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
