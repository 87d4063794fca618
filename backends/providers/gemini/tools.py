"""Tools and the choice among them. https://ai.google.dev/gemini-api/docs/function-calling"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from backends.errors import NotCarried


class Tools(NamedTuple):
    """In Gemini's terms."""

    tools: list[dict[str, Any]]
    config: dict[str, Any] | None
    strict: bool
    """Some function asks that its schema be kept to; see the mode VALIDATED."""


def render_tools(body: Mapping[str, Any]) -> Tools:
    """From `tools` and `tool_choice`, or from the older `functions` and `function_call`. Raises NotCarried."""
    declared, strict = [], False
    for place, function in _functions(body):
        declared.append(_declaration(function, place))
        strict = strict or function.get("strict") is True
    tools: list[dict[str, Any]] = [{"functionDeclarations": declared}] if declared else []
    if isinstance(body.get("web_search_options"), Mapping):
        tools.append({"googleSearch": {}})
    choice = body.get("tool_choice", body.get("function_call"))
    return Tools(tools, _config(choice) if declared else None, strict)


def _functions(body: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    found = []
    for index, tool in enumerate(body.get("tools") or []):
        function = tool.get("function") if isinstance(tool, Mapping) else None
        if not isinstance(function, Mapping) or tool.get("type", "function") != "function":
            raise NotCarried(f"tools[{index}].type", "This provider takes tools of type 'function' only.")
        found.append((f"tools[{index}].function", function))
    for index, function in enumerate(body.get("functions") or []):
        found.append((f"functions[{index}]", function))
    return found


def _declaration(function: Mapping[str, Any], place: str) -> dict[str, Any]:
    """`parametersJsonSchema` takes JSON Schema as it is, where `parameters` wants a dialect of OpenAPI's."""
    if not isinstance(function.get("name"), str):
        raise NotCarried(f"{place}.name", "A function must have a name.")
    declared: dict[str, Any] = {"name": function["name"]}
    if isinstance(function.get("description"), str):
        declared["description"] = function["description"]
    parameters = function.get("parameters")
    if isinstance(parameters, Mapping) and parameters.get("properties") != {}:
        declared["parametersJsonSchema"] = parameters
    return declared


def _config(choice: Any) -> dict[str, Any] | None:
    if choice is None:
        return None
    mode, allowed = _mode(choice)
    config: dict[str, Any] = {"mode": mode}
    if allowed:
        config["allowedFunctionNames"] = allowed
    return {"functionCallingConfig": config}


def _mode(choice: Any) -> tuple[str, list[str]]:
    modes = {"auto": "AUTO", "none": "NONE", "required": "ANY", "any": "ANY"}
    if isinstance(choice, str) and choice in modes:
        return modes[choice], []
    if isinstance(choice, Mapping):
        if choice.get("type") == "allowed_tools":
            return _allowed(choice.get("allowed_tools"))
        function = choice.get("function", choice)  # the older `function_call` has the name at the top
        if isinstance(function, Mapping) and isinstance(function.get("name"), str):
            return "ANY", [function["name"]]
    raise NotCarried("tool_choice", "This provider takes auto, none, required, a function, or allowed_tools.")


def _allowed(given: Any) -> tuple[str, list[str]]:
    """OpenAI's list of allowed functions: https://platform.openai.com/docs/guides/function-calling#tool-choice

    Gemini takes a list of names with ANY and with VALIDATED, where the model may answer in words as well.
    """
    allowed = given if isinstance(given, Mapping) else {}
    tools = allowed.get("tools")
    functions = [tool.get("function") for tool in tools if isinstance(tool, Mapping)] if isinstance(tools, list) else []
    names = [function["name"] for function in functions if isinstance(function, Mapping) and "name" in function]
    return "ANY" if allowed.get("mode") == "required" else "VALIDATED", names
