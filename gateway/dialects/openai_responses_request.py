"""A Responses API body → a chat body: what stands around the input. https://platform.openai.com/docs/api-reference/responses/create

Fields that both have under one name are carried along, and so are unknown ones (OpenRouter's, a provider's own).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from gateway.dialects.openai_responses_input import Conversation
from gateway.errors import InvalidRequest

_OWN = frozenset(
    {
        "input",
        "instructions",
        "max_output_tokens",
        "text",
        "tools",
        "tool_choice",
        "reasoning",
        "include",
        "top_logprobs",
        "previous_response_id",
        "conversation",
        "prompt",
        "truncation",
        "background",
        "store",
        "max_tool_calls",
        "context_management",
        "stream_options",
        "stream",
    }
)
"""Fields that chat has not, or means differently."""
_HONOURED_INCLUDES = frozenset({"reasoning.encrypted_content", "message.output_text.logprobs"})
_FOR_OPENAI = "is known to OpenAI only: name a model that OpenAI serves, or leave it out."


class Translation(NamedTuple):
    """What a body comes to."""

    body: dict[str, Any]
    untranslated: tuple[str, str] | None
    ignored: tuple[str, ...]


def translate(native: Mapping[str, Any]) -> Translation:
    """The chat body that asks the same. Raises InvalidRequest naming the field at fault."""
    talk = Conversation(native.get("instructions"))
    if native.get("input") is not None:
        talk.add(native["input"])
    body = {name: value for name, value in native.items() if name not in _OWN and value is not None}
    body["messages"] = talk.whole()
    if native.get("stream"):
        body["stream"] = True
    body.update(_limits(native))
    body.update(_reasoning(native.get("reasoning")))
    refused = [
        talk.untranslated,
        _unknown_state(native),
        _read_text(native.get("text"), body),
        _read_tools(native, body),
    ]
    return Translation(body, next((why for why in refused if why is not None), None), _ignored(native))


def _unknown_state(native: Mapping[str, Any]) -> tuple[str, str] | None:
    """What lies on OpenAI's servers."""
    if native.get("previous_response_id") is not None:
        return (
            "previous_response_id",
            "This response is not kept by the gateway, and the model's provider does not know it: "
            "send the conversation's items as 'input'.",
        )
    for name in ("conversation", "prompt"):
        if native.get(name) is not None:
            return name, f"'{name}' {_FOR_OPENAI}"
    return None


def _limits(native: Mapping[str, Any]) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    if native.get("max_output_tokens") is not None:
        limits["max_completion_tokens"] = native["max_output_tokens"]
    wanted = native.get("top_logprobs")
    if wanted or "message.output_text.logprobs" in (native.get("include") or ()):
        limits["logprobs"] = True
        if wanted:
            limits["top_logprobs"] = wanted
    return limits


def _reasoning(reasoning: Any) -> dict[str, Any]:
    """`effort` by chat's name; OpenRouter's own fields stay where OpenRouter has them."""
    if not isinstance(reasoning, dict):
        return {}
    more = {
        name: value
        for name, value in reasoning.items()
        if name not in ("summary", "generate_summary") and value is not None
    }
    if more.keys() <= {"effort"}:
        return {"reasoning_effort": more["effort"]} if more else {}
    return {"reasoning": more}


def _ignored(native: Mapping[str, Any]) -> tuple[str, ...]:
    reasoning = native.get("reasoning")
    ignored = []
    if native.get("truncation") == "auto":
        ignored.append("truncation")
    if native.get("context_management"):
        ignored.append("context_management")
    if native.get("max_tool_calls") is not None:
        ignored.append("max_tool_calls")
    if not _HONOURED_INCLUDES.issuperset(native.get("include") or ()):
        ignored.append("include")
    if isinstance(reasoning, dict) and (reasoning.get("summary") or reasoning.get("generate_summary")):
        ignored.append("reasoning.summary")
    return tuple(ignored)


def _read_text(text: Any, body: dict[str, Any]) -> tuple[str, str] | None:
    """`text.format` → `response_format`; `text.verbosity` → `verbosity`."""
    if text is None:
        return None
    if not isinstance(text, dict):
        raise InvalidRequest("'text' must be an object.", param="text")
    if text.get("verbosity") is not None:
        body["verbosity"] = text["verbosity"]
    wanted: Any = text.get("format")
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind == "json_schema":
        schema = {name: value for name, value in wanted.items() if name != "type" and value is not None}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif kind == "json_object":
        body["response_format"] = {"type": "json_object"}
    elif wanted is not None and kind != "text":
        return "text.format", f"The format '{str(kind)[:60]}' {_FOR_OPENAI}"
    return None


def _read_tools(native: Mapping[str, Any], body: dict[str, Any]) -> tuple[str, str] | None:
    tools, choice = native.get("tools"), native.get("tool_choice")
    made: list[dict[str, Any]] = []
    for index, tool in enumerate(tools or ()):
        where = f"tools[{index}]"
        if not isinstance(tool, dict):
            raise InvalidRequest("A tool must be an object.", param=where)
        kind = tool.get("type")
        if kind != "function":
            return where, f"A tool of type '{str(kind)[:60]}' {_FOR_OPENAI}"
        made.append(_function(tool, where))
    if not made:  # chat refuses these two where there are no tools
        body.pop("parallel_tool_calls", None)
        if choice in ("auto", "none"):
            return None
    else:
        body["tools"] = made
    return _read_choice(choice, made, body) if choice is not None else None


def _function(tool: Mapping[str, Any], where: str) -> dict[str, Any]:
    if isinstance(tool.get("function"), dict):  # as chat has it; some clients mix the two
        return dict(tool)
    if not isinstance(tool.get("name"), str):
        raise InvalidRequest("A function needs a 'name'.", param=f"{where}.name")
    function = {
        name: tool[name] for name in ("name", "description", "parameters", "strict") if tool.get(name) is not None
    }
    return {
        "type": "function",
        "function": function,
        **({"cache_control": tool["cache_control"]} if "cache_control" in tool else {}),
    }


def _read_choice(choice: Any, tools: list[dict[str, Any]], body: dict[str, Any]) -> tuple[str, str] | None:
    """`allowed_tools` narrows the list: to a model that sees only those, it is the same thing."""
    if isinstance(choice, str):
        body["tool_choice"] = choice
        return None
    if not isinstance(choice, dict):
        raise InvalidRequest("'tool_choice' must be a string or an object.", param="tool_choice")
    kind, name = choice.get("type"), _name_of(choice)
    if kind == "function" and name is not None:
        body["tool_choice"] = {"type": "function", "function": {"name": name}}
        return None
    if kind == "allowed_tools" and isinstance(choice.get("tools"), list):
        allowed = {_name_of(tool) for tool in choice["tools"] if isinstance(tool, dict)}
        body["tools"] = [tool for tool in tools if tool["function"]["name"] in allowed]
        body["tool_choice"] = choice.get("mode") or "auto"
        return None
    return "tool_choice", f"A 'tool_choice' of type '{str(kind)[:60]}' {_FOR_OPENAI}"


def _name_of(tool: Mapping[str, Any]) -> str | None:
    inner = tool.get("function")
    name = inner.get("name") if isinstance(inner, dict) else tool.get("name")
    return name if isinstance(name, str) else None
