"""An explanation short enough for a response header (`x-headrace-explain`): one line of ASCII, bounded."""

import json
from collections.abc import Mapping
from typing import Any

LONGEST = 2_048
"""Proxies in between take heads of 8 kB as a rule, all headers together."""
_REASON = 100


def in_a_header(told: Mapping[str, Any]) -> str:
    """What matters, in compact JSON; where it is too long, `more` counts the entries that are left out."""
    candidates = [_without_nothing(one, ("target", "expected_usd", "expected_seconds")) for one in told["candidates"]]
    rejected = [{"target": one["target"], "reason": one["reason"][:_REASON]} for one in told["rejected"]]
    left_out = 0
    while True:
        text = _line(told, candidates, rejected, left_out)
        if len(text) <= LONGEST or not (candidates or rejected):
            return text if len(text) <= LONGEST else json.dumps({"rules": told["rules"], "more": left_out})
        (rejected or candidates).pop()
        left_out += 1


def _line(told: Mapping[str, Any], candidates: list[Any], rejected: list[Any], left_out: int) -> str:
    content = {
        "model": told.get("decided"),
        "route": _placed(told.get("route")),
        "policy": (told.get("policy") or {}).get("name"),
        "guards": [guard["name"] for guard in told.get("guards", ())] or None,
        "candidates": candidates or None,
        "rejected": rejected or None,
        "statistics_age_seconds": told.get("statistics_age_seconds"),
        "more": left_out or None,
    }
    kept = {name: value for name, value in content.items() if value is not None}
    return json.dumps(kept, separators=(",", ":"), ensure_ascii=True)


def _placed(route: Mapping[str, Any] | None) -> str | None:
    return None if route is None else f"{route['name']} (line {route['line']})"


def _without_nothing(one: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: one[name] for name in names if one[name] is not None}
