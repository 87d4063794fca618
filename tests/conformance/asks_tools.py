"""Tools, their results, and the shape of an answer."""

from typing import Any

from tests.conformance.asks import CHAT, MESSAGES, RESPONSES, Ask, Places
from tests.conformance.asks_messages import PNG, only, user
from tests.conformance.marks import Mark, anywhere, at, both, either, holds, there, values

_SCHEMA = {
    "type": "object",
    "properties": {"place": {"type": "string"}},
    "required": ["place"],
    "additionalProperties": False,
}
_SHAPE = {
    "type": "object",
    "properties": {"verdict": {"type": "string", "enum": ["wet", "dry"]}},
    "required": ["verdict"],
    "additionalProperties": False,
}


def _tools(chat: Any = None, messages: Any = None, responses: Any = None, *, strict: bool = False) -> dict[str, Any]:
    function: dict[str, Any] = {"name": "look_outside", "description": "Look outside.", "parameters": _SCHEMA}
    tool: dict[str, Any] = {"name": "look_outside", "description": "Look outside.", "input_schema": _SCHEMA}
    if strict:
        function["strict"] = tool["strict"] = True
    question = [user("How is it at Skagen?")]
    return {
        CHAT: {"messages": question, "tools": [{"type": "function", "function": function}], **(chat or {})},
        MESSAGES: {"messages": question, "max_tokens": 64, "tools": [tool], **(messages or {})},
        RESPONSES: {"input": question, "tools": [{"type": "function", **function}], **(responses or {})},
    }


_DECLARED = {
    "openai": at("tools.*.function.name", "look_outside"),
    "responses": at("tools.*.name", "look_outside"),
    "anthropic": at("tools.*.name", "look_outside"),
    "gemini": at("tools.*.functionDeclarations.*.name", "look_outside"),
    "bedrock": at("toolConfig.tools.*.toolSpec.name", "look_outside"),
    "cohere": at("tools.*.function.name", "look_outside"),
}


def _and(**marks: Mark) -> dict[str, Places]:
    return {family: Places(both(_DECLARED[family], mark)) for family, mark in marks.items()}


def _undeclared(body: Any) -> bool:
    """No tools at all are offered: the model can't but leave them."""
    return not any(mark(body) for mark in _DECLARED.values())


def _results(content_chat: Any, content_messages: Any, content_responses: Any, **more: Any) -> dict[str, Any]:
    bodies: dict[str, Any] = _tools()
    call = {
        "id": "call_q1",
        "type": "function",
        "function": {"name": "look_outside", "arguments": '{"place": "Skagen"}'},
    }
    bodies[CHAT]["messages"] = [
        *bodies[CHAT]["messages"],
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_q1", "content": content_chat},
    ]
    use = {"type": "tool_use", "id": "call_q1", "name": "look_outside", "input": {"place": "Skagen"}}
    result = {"type": "tool_result", "tool_use_id": "call_q1", "content": content_messages, **more}
    bodies[MESSAGES]["messages"] = [
        *bodies[MESSAGES]["messages"],
        {"role": "assistant", "content": [use]},
        user([result]),
    ]
    bodies[RESPONSES]["input"] = [
        *bodies[RESPONSES]["input"],
        {"type": "function_call", "call_id": "call_q1", "name": "look_outside", "arguments": '{"place": "Skagen"}'},
        {"type": "function_call_output", "call_id": "call_q1", "output": content_responses},
    ]
    return {dialect: body for dialect, body in bodies.items() if dialect != CHAT or content_chat is not None}


_CALLED = {
    "openai": at("messages.*.tool_calls.*.function.name", "look_outside"),
    "responses": at("input.*.name", "look_outside"),
    "anthropic": at("messages.*.content.*.input.place", "Skagen"),
    "gemini": at("contents.*.parts.*.functionCall.args.place", "Skagen"),
    "bedrock": at("messages.*.content.*.toolUse.input.place", "Skagen"),
    "cohere": at("messages.*.tool_calls.*.function.name", "look_outside"),
}
_RESULT = "Hail, then sun."


def _shaped(body: Any) -> bool:
    """The schema's words stand somewhere: in a tool that must be called, or in the system prompt."""
    return anywhere("verdict")(body)


ASKS = (
    Ask("tools, left to the model", "tools", _tools(), {family: Places(mark) for family, mark in _DECLARED.items()}),
    Ask(
        "tools, one must be called",
        "tools",
        _tools({"tool_choice": "required"}, {"tool_choice": {"type": "any"}}, {"tool_choice": "required"}),
        _and(
            openai=at("tool_choice", "required"),
            responses=at("tool_choice", "required"),
            anthropic=at("tool_choice.type", "any"),
            gemini=at("toolConfig.functionCallingConfig.mode", "ANY"),
            bedrock=lambda body: "any" in ((body.get("toolConfig") or {}).get("toolChoice") or {}),
            cohere=at("tool_choice", "REQUIRED"),
        ),
        ("tool_choice",),
    ),
    Ask(
        "tools, a named one",
        "tools",
        _tools(
            {"tool_choice": {"type": "function", "function": {"name": "look_outside"}}},
            {"tool_choice": {"type": "tool", "name": "look_outside"}},
            {"tool_choice": {"type": "function", "name": "look_outside"}},
        ),
        {
            **_and(
                openai=at("tool_choice.function.name", "look_outside"),
                responses=at("tool_choice.name", "look_outside"),
                anthropic=both(at("tool_choice.type", "tool"), at("tool_choice.name", "look_outside")),
                gemini=at("toolConfig.functionCallingConfig.allowedFunctionNames", ["look_outside"]),
                bedrock=at("toolConfig.toolChoice.tool.name", "look_outside"),
            ),
            "cohere": Places(converted=both(_DECLARED["cohere"], at("tool_choice", "REQUIRED"))),
        },
        ("tool_choice",),
    ),
    Ask(
        "tools, none may be called",
        "tools",
        _tools({"tool_choice": "none"}, {"tool_choice": {"type": "none"}}, {"tool_choice": "none"}),
        {
            **_and(
                openai=at("tool_choice", "none"),
                responses=at("tool_choice", "none"),
                anthropic=at("tool_choice.type", "none"),
                gemini=at("toolConfig.functionCallingConfig.mode", "NONE"),
                cohere=at("tool_choice", "NONE"),
            ),
            "bedrock": Places(converted=_undeclared),
        },
        ("tool_choice",),
    ),
    Ask(
        "tools, one at a time",
        "tools",
        _tools(
            {"parallel_tool_calls": False},
            {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
            {"parallel_tool_calls": False},
        ),
        {
            "openai": Places(at("parallel_tool_calls", False)),
            "responses": Places(at("parallel_tool_calls", False)),
            "anthropic": Places(at("tool_choice.disable_parallel_tool_use", True)),
        },
        ("parallel_tool_calls", "tool_choice.disable_parallel_tool_use"),
    ),
    Ask(
        "tools, strict",
        "tools",
        _tools(strict=True),
        {
            "openai": Places(at("tools.*.function.strict", True)),
            "responses": Places(at("tools.*.strict", True)),
            "anthropic": Places(at("tools.*.strict", True)),
            "gemini": Places(converted=at("toolConfig.functionCallingConfig.mode", "VALIDATED")),
            "bedrock": Places(at("toolConfig.tools.*.toolSpec.strict", True)),
            "cohere": Places(at("strict_tools", True)),
        },
        ("strict", "tools"),
    ),
    Ask(
        "tool result",
        "tools",
        _results(_RESULT, _RESULT, _RESULT),
        {
            "openai": Places(both(_CALLED["openai"], at("messages.*.tool_call_id", "call_q1"), anywhere(_RESULT))),
            "responses": Places(both(_CALLED["responses"], at("input.*.output", _RESULT))),
            "anthropic": Places(
                both(_CALLED["anthropic"], at("messages.*.content.*.tool_use_id", "call_q1"), anywhere(_RESULT))
            ),
            "gemini": Places(
                both(_CALLED["gemini"], there("contents.*.parts.*.functionResponse.response"), anywhere(_RESULT))
            ),
            "bedrock": Places(
                both(_CALLED["bedrock"], at("messages.*.content.*.toolResult.toolUseId", "call_q1"), anywhere(_RESULT))
            ),
            "cohere": Places(both(_CALLED["cohere"], at("messages.*.tool_call_id", "call_q1"), anywhere(_RESULT))),
        },
    ),
    Ask(
        "tool result with an image",
        "tools",
        _results(
            [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}],
            [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}],
            [{"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"}],
        ),
        {
            "openai": Places(converted=anywhere(PNG)),
            "responses": Places(holds("input.*.output.*.image_url", PNG)),
            "anthropic": Places(at("messages.*.content.*.content.*.source.data", PNG)),
            "gemini": Places(
                at("contents.*.parts.*.functionResponse.parts.*.inlineData.data", PNG),
                at("contents.*.parts.*.inlineData.data", PNG),
            ),
            "bedrock": Places(at("messages.*.content.*.toolResult.content.*.image.source.bytes", PNG)),
            "cohere": Places(converted=anywhere(PNG)),
        },
        ("messages", "input"),
    ),
    Ask(
        "tool result that is an error",
        "tools",
        {MESSAGES: _results(_RESULT, _RESULT, _RESULT, is_error=True)[MESSAGES]},
        {
            "openai": Places(
                converted=either(*(holds(f"messages.*.{at_}", "rror") for at_ in ("content", "content.*.text")))
            ),
            "anthropic": Places(at("messages.*.content.*.is_error", True)),
            "gemini": Places(there("contents.*.parts.*.functionResponse.response.error"), anywhere("Error")),
            "bedrock": Places(at("messages.*.content.*.toolResult.status", "error"), anywhere("Error")),
            "cohere": Places(converted=anywhere("rror")),
        },
        ("is_error", "messages"),
    ),
    Ask(
        "web search, run by the provider",
        "tools",
        {
            **only(CHAT, web_search_options={"search_context_size": "low"}),
            **only(MESSAGES, tools=[{"type": "web_search_20250305", "name": "web_search", "max_uses": 3}]),
            **only(RESPONSES, tools=[{"type": "web_search"}]),
        },
        {
            "openai": Places(there("web_search_options")),
            "responses": Places(at("tools.*.type", "web_search")),
            "anthropic": Places(at("tools.*.type", "web_search_20250305"), holds("tools.*.type", "web_search")),
            "gemini": Places(converted=lambda body: bool(values(body, "tools.*.googleSearch"))),
        },
        ("web_search_options", "tools"),
    ),
    Ask(
        "answer by a schema",
        "shape",
        {
            CHAT: {
                "messages": [user("Rain?")],
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "weather", "strict": True, "schema": _SHAPE},
                },
            },
            MESSAGES: {
                "messages": [user("Rain?")],
                "max_tokens": 64,
                "output_config": {"format": {"type": "json_schema", "schema": _SHAPE}},
            },
            RESPONSES: {
                "input": "Rain?",
                "text": {"format": {"type": "json_schema", "name": "weather", "strict": True, "schema": _SHAPE}},
            },
        },
        {
            "openai": Places(lambda body: "verdict" in str(values(body, "response_format.json_schema.schema"))),
            "responses": Places(lambda body: "verdict" in str(values(body, "text.format.schema"))),
            "anthropic": Places(
                lambda body: (
                    "verdict"
                    in str(values(body, "output_config.format.schema") or values(body, "output_format.schema"))
                ),
                _shaped,
            ),
            "gemini": Places(
                lambda body: (
                    "verdict"
                    in str(
                        [values(body, f"generationConfig.{name}") for name in ("responseSchema", "responseJsonSchema")]
                    )
                ),
            ),
            "bedrock": Places(lambda body: "verdict" in str(values(body, "outputConfig")), _shaped),
            "cohere": Places(lambda body: "verdict" in str(values(body, "response_format"))),
        },
        ("response_format", "text.format", "output_config"),
    ),
    Ask(
        "answer in JSON",
        "shape",
        {
            CHAT: {"messages": [user("Rain? In JSON.")], "response_format": {"type": "json_object"}},
            RESPONSES: {"input": "Rain? In JSON.", "text": {"format": {"type": "json_object"}}},
        },
        {
            "openai": Places(at("response_format.type", "json_object")),
            "responses": Places(at("text.format.type", "json_object")),
            "anthropic": Places(converted=lambda body: "JSON" in str(body.get("system"))),
            "gemini": Places(at("generationConfig.responseMimeType", "application/json")),
            "bedrock": Places(converted=lambda body: "JSON" in str(body.get("system"))),
            "cohere": Places(at("response_format.type", "json_object")),
        },
        ("response_format", "text.format"),
    ),
)
