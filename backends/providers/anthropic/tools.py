"""OpenAI's tools and tool_choice as Anthropic's. https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/overview"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from backends.errors import NotCarried
from backends.providers.anthropic.schema import closed

_NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}}


class Tools(NamedTuple):
    """What may be called, and what must."""

    tools: list[dict[str, Any]]
    choice: dict[str, Any] | None
    dropped: tuple[str, ...]

    @property
    def forced(self) -> bool:
        """The model must call something, so it may not think first."""
        return self.choice is not None and self.choice["type"] in ("any", "tool")


def render_tools(body: Mapping[str, Any], *, strict: bool) -> Tools:
    """`strict`: the model takes schemas that bind it. Raises NotCarried."""
    dropped: set[str] = set()
    given = body.get("tools") or []
    allowed, choice = _choice(body.get("tool_choice"))
    tools = [_tool(tool, f"tools[{index}]", dropped, strict=strict) for index, tool in enumerate(given)]
    if allowed is not None:
        tools = [tool for tool in tools if tool.get("name") in allowed]
    if not tools:
        return Tools([], None, ())
    if body.get("parallel_tool_calls") is False and (choice is None or choice["type"] != "none"):
        choice = {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}
    return Tools(tools, choice, tuple(sorted(dropped)))


def _tool(tool: Any, param: str, dropped: set[str], *, strict: bool) -> dict[str, Any]:
    kind = tool.get("type") if isinstance(tool, dict) else None
    if kind == "custom" or not isinstance(tool, dict):
        raise NotCarried(f"{param}.type", "Claude's tools take JSON: describe this one as a function with parameters.")
    function = tool.get("function")
    if kind not in (None, "function") or not isinstance(function, dict):
        return dict(tool)  # one of Anthropic's own tools, in its own words
    rendered = {"name": function.get("name"), "input_schema": function.get("parameters") or dict(_NO_PARAMETERS)}
    if function.get("description"):
        rendered["description"] = function["description"]
    if function.get("strict"):
        _bind(rendered, param, dropped, strict=strict)
    cached = tool.get("cache_control") or function.get("cache_control")
    if cached:
        rendered["cache_control"] = cached
    return rendered


def _bind(rendered: dict[str, Any], param: str, dropped: set[str], *, strict: bool) -> None:
    if not strict or not isinstance(rendered["input_schema"], dict):
        dropped.add("tools.strict")
        return
    rendered["input_schema"], softened = closed(rendered["input_schema"], f"{param}.function.parameters")
    rendered["strict"] = True
    dropped.update(f"tools.parameters.{name}" for name in softened)


def _choice(choice: Any) -> tuple[frozenset[str] | None, dict[str, Any] | None]:
    """The names that may be called (None: all), and Anthropic's tool_choice."""
    if choice is None:
        return None, None
    if isinstance(choice, str):
        kind = {"auto": "auto", "none": "none", "required": "any", "any": "any"}.get(choice)
        if kind is not None:
            return None, {"type": kind}
    elif isinstance(choice, dict):
        kind = choice.get("type")
        if kind == "allowed_tools":
            nested = choice.get("allowed_tools")
            allowed = nested if isinstance(nested, dict) else choice
            mode = "any" if allowed.get("mode") == "required" else "auto"
            names = allowed.get("tools")
            return frozenset(_names(names if isinstance(names, list) else ())), {"type": mode}
        if kind == "function":
            return None, {"type": "tool", "name": _name(choice)}
        if kind in ("auto", "any", "tool", "none"):  # Anthropic's own words
            return None, dict(choice)
    raise NotCarried("tool_choice", "tool_choice must be auto, none, required, or name a function.")


def _names(tools: Sequence[Any]) -> list[str]:
    return [str(_name(tool)) for tool in tools if isinstance(tool, dict)]


def _name(tool: Mapping[str, Any]) -> Any:
    function = tool.get("function")
    return function.get("name") if isinstance(function, dict) else tool.get("name")
