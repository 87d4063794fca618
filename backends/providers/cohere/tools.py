"""OpenAI's tools and tool choice as Cohere's. https://docs.cohere.com/docs/tool-use-overview"""

from collections.abc import Mapping
from typing import Any

from backends.errors import NotCarried


def render_tools(body: Mapping[str, Any], dropped: list[str]) -> dict[str, Any]:
    """`tools`, `tool_choice` and `strict_tools` of a body. Raises NotCarried.

    One tool can't be chosen by name; it is chosen by being the only one there is.
    """
    functions = _functions(body)
    choice = body.get("tool_choice", body.get("function_call"))
    named, must = _choice(choice)
    if named is not None:
        functions = [function for function in functions if function.get("name") in named]
        if not functions:
            raise NotCarried("tool_choice", "The tool that must be called is none of those in 'tools'.")
    if not functions:
        return {}
    rendered: dict[str, Any] = {"tools": [_tool(function) for function in functions]}
    if choice == "none":
        rendered["tool_choice"] = "NONE"
    elif must:
        rendered["tool_choice"] = "REQUIRED"
    strict = [bool(function.get("strict")) for function in functions]
    if body.get("strict_tools") is True or all(strict):
        rendered["strict_tools"] = True
    elif any(strict):  # it binds all of them or none
        dropped.append("tools.strict")
    if body.get("parallel_tool_calls") is False:
        dropped.append("parallel_tool_calls")
    return rendered


def _functions(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for index, tool in enumerate(body.get("tools") or ()):
        function = tool.get("function") if isinstance(tool, Mapping) and tool.get("type") == "function" else None
        if not isinstance(function, Mapping):
            raise NotCarried(f"tools[{index}]", "Cohere's chat takes functions as tools, and no others.")
        found.append(function)
    return found + [function for function in body.get("functions") or () if isinstance(function, Mapping)]


def _tool(function: Mapping[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {"name": function.get("name")}
    if function.get("description"):
        said["description"] = function["description"]
    said["parameters"] = function.get("parameters") or {"type": "object", "properties": {}}
    return {"type": "function", "function": said}


def _choice(choice: Any) -> tuple[frozenset[Any] | None, bool]:
    """The names that may be called (None: all), and whether one must be."""
    if choice is None or isinstance(choice, str):
        return None, choice in ("required", "any")
    if isinstance(choice, Mapping) and choice.get("type") == "allowed_tools":
        inner = choice.get("allowed_tools") or choice
        names = frozenset(_name(tool) for tool in inner.get("tools") or () if isinstance(tool, Mapping))
        return names, inner.get("mode") == "required"
    name = _name(choice) if isinstance(choice, Mapping) else None
    if not isinstance(name, str):
        raise NotCarried("tool_choice", "tool_choice must be auto, none, required, or name a function.")
    return frozenset({name}), True


def _name(tool: Mapping[str, Any]) -> Any:
    function = tool.get("function")
    return function.get("name") if isinstance(function, Mapping) else tool.get("name")
