"""What the tiny model says (scripts/make_tiny_qwen3.py), word for word."""

from typing import Any

REASONING = "Okay, someone greeted me so let us keep it short"
ANSWER = "Hello! This tiny model runs inside a real engine and always says these words in order."
ANSWER_AFTER_REASONING = "\n\n" + ANSWER
TOOL_THOUGHT = "Now look up what weather they asked about"
CALL = {"name": "get_weather", "arguments": '{"city": "Paris"}'}
ANSWER_TOKENS = 19
REASONED_ANSWER_TOKENS = 33

WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
ENDLESS: dict[str, Any] = {"ignore_eos": True, "max_tokens": 1900}
"""Fields that make it talk for seconds."""
