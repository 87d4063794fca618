"""Fields of a request's body, checked as OpenAI checks them."""

from collections.abc import Mapping
from typing import Any

import orjson

from backends.sandbox.refusal import invalid

MAX_OUTPUT_TOKENS = 131_072
MAX_STOPS = 16


def parse(raw: bytes) -> dict[str, Any]:
    """The body's object. Raises Refusal."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise invalid("We could not parse the JSON body of your request.", None) from error
    if not isinstance(body, dict):
        raise invalid("The body must be a JSON object.", None)
    return body


def model_of(body: Mapping[str, Any]) -> str:
    """The model asked for."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise invalid("you must provide a model parameter", "model")
    return model


def object_in(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object among the fields; an empty one where there is none."""
    value = body.get(name)
    return value if isinstance(value, Mapping) else {}


def count(body: Mapping[str, Any], name: str, least: int, most: int | None = None) -> int | None:
    """A whole number in its bounds; None where it is not given."""
    number = body.get(name)
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int):
        raise invalid(f"'{name}' must be an integer.", name, "invalid_type")
    if number < least or (most is not None and number > most):
        raise invalid(f"'{name}' is out of range: it starts at {least}.", name, "integer_out_of_range")
    return number


def max_tokens(body: Mapping[str, Any]) -> int | None:
    """The most that may be generated; None where it is not given."""
    newer, older = (count(body, name, 1) for name in ("max_completion_tokens", "max_tokens"))
    return newer or older


def min_tokens(body: Mapping[str, Any], most: int | None) -> int:
    """vLLM's `min_tokens` and `ignore_eos`: load generators order answers of a given length with them."""
    if body.get("ignore_eos") is True and most is not None:
        return most
    return count(body, "min_tokens", 0) or 0


def stops_of(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Texts before which the answer ends."""
    stops = body.get("stop")
    if stops is None:
        return ()
    listed = [stops] if isinstance(stops, str) else stops
    if not isinstance(listed, list) or len(listed) > MAX_STOPS or not all(isinstance(stop, str) for stop in listed):
        raise invalid(f"'stop' must be a string, or a list of at most {MAX_STOPS}.", "stop")
    return tuple(stop for stop in listed if stop)
