"""Tools, in Anthropic's words → in OpenAI's. https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/overview

Only tools that the caller describes can be carried. Those that have nothing but a type are built into Claude (a shell,
a text editor) or run at Anthropic (a web search): no other model would know them.
"""

from collections.abc import Mapping
from typing import Any

from gateway.dialects.anthropic_blocks import fault, shown


def read_tools(native: Mapping[str, Any], body: dict[str, Any]) -> tuple[str, str] | None:
    """Returns the first tool that has no words in a chat."""
    made = []
    for index, tool in enumerate(native.get("tools") or ()):
        path = f"tools.{index}"
        if type(tool) is not dict:
            raise fault(path, "Input should be an object")
        kind = tool.get("type")
        if kind not in (None, "custom"):
            return (
                f"{path}.type",
                f"{path}.type: '{shown(kind)}' is built into Claude, or run by Anthropic: no other model has it. "
                "Name a model that Anthropic serves, or describe the tool with 'input_schema'.",
            )
        made.append(_function(tool, path))
    if made:
        body["tools"] = made
    return None


def _function(tool: Mapping[str, Any], path: str) -> dict[str, Any]:
    name, schema = tool.get("name"), tool.get("input_schema")
    if type(name) is not str or not name:
        raise fault(f"{path}.name", "Field required" if name is None else "Input should be a valid string")
    if type(schema) is not dict:
        raise fault(f"{path}.input_schema", "Field required" if schema is None else "Input should be an object")
    function = {"name": name, "parameters": schema}
    if tool.get("description") is not None:
        function["description"] = tool["description"]
    if tool.get("strict") is not None:
        function["strict"] = tool["strict"]
    made: dict[str, Any] = {"type": "function", "function": function}
    if tool.get("cache_control"):
        made["cache_control"] = tool["cache_control"]
    return made


def read_tool_choice(native: Mapping[str, Any], body: dict[str, Any]) -> tuple[str, str] | None:
    """Returns a choice that has no words in a chat. Without tools there is nothing to choose."""
    choice = native.get("tool_choice")
    if choice is None or "tools" not in body:
        return None
    kind = choice.get("type")
    if kind == "tool":
        if type(choice.get("name")) is not str:
            raise fault("tool_choice.tool.name", "Field required")
        body["tool_choice"] = {"type": "function", "function": {"name": choice["name"]}}
    elif kind in ("auto", "any", "none"):
        body["tool_choice"] = "required" if kind == "any" else kind
    else:
        return "tool_choice.type", f"tool_choice.type: other models than Anthropic's know no '{shown(kind)}'."
    if choice.get("disable_parallel_tool_use") is True:
        body["parallel_tool_calls"] = False
    return None
