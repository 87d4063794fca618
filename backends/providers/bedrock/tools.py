"""OpenAI's tools and tool choice as Converse's `toolConfig`.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolConfiguration.html
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from backends.errors import NotCarried
from backends.providers.bedrock.parts import cache_point


class Tools(NamedTuple):
    """What may be called, and what must."""

    config: dict[str, Any] | None

    @property
    def forced(self) -> bool:
        """The model must call something."""
        return self.config is not None and not {"any", "tool"}.isdisjoint(self.config.get("toolChoice", ()))


def render_tools(body: Mapping[str, Any], called: Sequence[str], dropped: list[str], *, strict: bool) -> Tools:
    """`called`: tools that the conversation has calls of. `strict`: the model can be bound to a tool's schema.

    Raises NotCarried.
    """
    choice = body.get("tool_choice", body.get("function_call"))
    chosen, allowed = _choice(choice)
    tools = _tools(body, allowed, dropped, strict=strict)
    if choice == "none" and tools:
        if called:
            raise NotCarried("tool_choice", "Bedrock can't forbid tools in a conversation that has called some.")
        return Tools(None)
    if not tools:
        # Converse refuses a conversation that has calls, unless it is told of the tools.
        tools = [{"toolSpec": {"name": name, "inputSchema": {"json": {"type": "object"}}}} for name in called]
        return Tools({"tools": tools} if tools else None)
    if body.get("parallel_tool_calls") is False:
        dropped.append("parallel_tool_calls")
    return Tools({"tools": tools} if chosen is None else {"tools": tools, "toolChoice": chosen})


def _tools(
    body: Mapping[str, Any], allowed: frozenset[Any] | None, dropped: list[str], *, strict: bool
) -> list[dict[str, Any]]:
    tools: list[dict[str, Any]] = []
    given = body.get("tools") or [{"type": "function", "function": old} for old in body.get("functions") or ()]
    for index, tool in enumerate(given):
        if not isinstance(tool, Mapping) or (allowed is not None and _name(tool) not in allowed):
            continue
        tools.append(_tool(tool, f"tools[{index}]", strict=strict))
        if not strict and isinstance(tool.get("function"), Mapping) and tool["function"].get("strict"):
            dropped.append("tools.strict")
        tools += cache_point(tool.get("cache_control"))
    return tools


def _tool(tool: Mapping[str, Any], where: str, *, strict: bool) -> dict[str, Any]:
    """A function; or, in Converse's own words, a tool that the provider carries out (`systemTool`)."""
    function = tool.get("function")
    if tool.get("type") == "function" and isinstance(function, Mapping):
        spec: dict[str, Any] = {"name": function.get("name")}
        if function.get("description"):
            spec["description"] = function["description"]
        spec["inputSchema"] = {"json": function.get("parameters") or {"type": "object", "properties": {}}}
        if function.get("strict") and strict:
            spec["strict"] = True
        return {"toolSpec": spec}
    if isinstance(tool.get("systemTool"), Mapping):
        return {"systemTool": tool["systemTool"]}
    raise NotCarried(where, f"Bedrock's Converse has no tool of the type {str(tool.get('type'))[:60]!r}.")


def _choice(choice: Any) -> tuple[dict[str, Any] | None, frozenset[Any] | None]:
    """Converse's toolChoice, and the names that may be called (None: all)."""
    if choice is None or choice == "none":
        return None, None
    if isinstance(choice, str):
        return ({"any": {}} if choice in ("required", "any") else {"auto": {}}), None
    if isinstance(choice, Mapping) and choice.get("type") == "allowed_tools":
        inner = choice.get("allowed_tools") or choice
        must = inner.get("mode") == "required"
        return ({"any": {}} if must else {"auto": {}}), _names(inner.get("tools") or ())
    name = _name(choice) if isinstance(choice, Mapping) else None
    if not isinstance(name, str):
        raise NotCarried("tool_choice", "Bedrock's Converse can choose a tool by name, any, or leave it to the model.")
    return {"tool": {"name": name}}, None


def _names(tools: Iterable[Any]) -> frozenset[Any]:
    return frozenset(_name(tool) for tool in tools if isinstance(tool, Mapping))


def _name(tool: Mapping[str, Any]) -> Any:
    function = tool.get("function")
    return function.get("name") if isinstance(function, Mapping) else tool.get("name")
