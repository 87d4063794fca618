"""The list of models in Anthropic's shape. https://docs.anthropic.com/en/api/models-list"""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.dialects.anthropic_blocks import fault

_MOST = 1_000
_USUAL = 20
_UNKNOWN_DATE = "1970-01-01T00:00:00Z"
"""As Anthropic has it: the epoch where the date of a release is not known."""


def card(model: Mapping[str, Any]) -> dict[str, Any]:
    """One model; its context window is what it may be given."""
    return {
        "type": "model",
        "id": model["id"],
        "display_name": model.get("name") or model["id"],
        "created_at": _UNKNOWN_DATE,
        "lifecycle": "active",
        "max_input_tokens": model.get("context_length"),
        "max_tokens": model.get("max_output_tokens"),
    }


def page(models: Sequence[Mapping[str, Any]], query: Mapping[str, str]) -> dict[str, Any]:
    """`limit` of them after, or before, the one that the query names. Raises InvalidRequest."""
    limit, after, before = _limit(query.get("limit")), query.get("after_id"), query.get("before_id")
    names = [model["id"] for model in models]
    if after is not None:
        start = _place(names, after, "after_id") + 1
        shown, more = models[start : start + limit], start + limit < len(models)
    elif before is not None:
        end = _place(names, before, "before_id")
        shown, more = models[max(0, end - limit) : end], end > limit
    else:
        shown, more = models[:limit], limit < len(models)
    return {
        "data": [card(model) for model in shown],
        "has_more": more,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
    }


def _limit(given: str | None) -> int:
    if given is None:
        return _USUAL
    if not given.isdecimal() or not 1 <= int(given[:6]) <= _MOST:
        raise fault("limit", f"Input should be a number from 1 to {_MOST}")
    return int(given)


def _place(names: Sequence[Any], name: str, param: str) -> int:
    try:
        return names.index(name)
    except ValueError as error:
        raise fault(param, "There is no such model in the list") from error
