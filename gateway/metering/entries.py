"""Recent requests, as the ledger shows them: one row from the journal lines of the attempts. Pure."""

from datetime import UTC, datetime
from typing import Any

import orjson

from gateway.catalog.prices import as_usd

CLASSES = {
    "input_tokens": "input",
    "cached_input_tokens": "cache_read_input",
    "cache_creation_input_tokens": "cache_creation_input",
    "output_tokens": "output",
    "reasoning_tokens": "reasoning",
}
_OF_REQUEST = ("key_id", "key_name", "team", "tags", "dialect", "model", "stream", "rules_hash")


def request_row(entry: bytes) -> dict[str, Any]:
    """One request with its attempts, from the JSON array of its journal lines."""
    lines = sorted(orjson.loads(entry), key=lambda line: line["start"]["number"])
    last = next((line for line in reversed(lines) if line["end"]["final"]), lines[-1])
    start, end = last["start"], last["end"]
    attempts = [_attempt_row(line) for line in lines]
    costs = [attempt["cost_nano"] for attempt in attempts]
    cost_nano = None if None in costs else sum(costs)
    of_request = {name: start[name] for name in _OF_REQUEST}
    return {
        "id": start["request_id"],
        "time": _time(start["at"]),
        "key": of_request.pop("key_id"),
        **of_request,
        "provider": start["provider"],
        "target": start["target"],
        "upstream_model": start["upstream_model"],
        "status": end["status"],
        "outcome": outcome(last),
        "error": end["error"],
        **{name: sum(attempt[name] for attempt in attempts) for name in CLASSES},
        "source": _source(attempts),
        "cost_nano": cost_nano,
        "cost_usd": None if cost_nano is None else as_usd(cost_nano),
        "ttft_s": end["ttft_s"],
        "duration_s": end["duration_s"],
        "attempts": attempts,
    }


def outcome(line: dict[str, Any]) -> str:
    """One word for how a request ended, by its last attempt: ok, error, broken_stream, client_closed."""
    end = line["end"]
    if end["state"] == "client_closed":
        return "client_closed"
    if end["state"] == "complete":
        return "ok"
    return "broken_stream" if line["start"]["stream"] and end["ttft_s"] is not None else "error"


def _attempt_row(line: dict[str, Any]) -> dict[str, Any]:
    start, end = line["start"], line["end"]
    price = start["price"]
    return {
        "attempt_id": start["attempt_id"],
        "number": start["number"],
        "provider": start["provider"],
        "target": start["target"],
        "upstream_model": start["upstream_model"],
        "state": end["state"],
        "status": end["status"],
        "error": end["error"],
        **{name: end[ours] for name, ours in CLASSES.items()},
        "source": end["source"],
        "cost_nano": end["cost_nano"],
        "cost_usd": None if end["cost_nano"] is None else as_usd(end["cost_nano"]),
        "price_version": price["version"] if price is not None else None,
        "ttft_s": end["ttft_s"],
        "duration_s": end["duration_s"],
    }


def _source(attempts: list[dict[str, Any]]) -> str:
    """estimated if any part of the sum is."""
    sources = {attempt["source"] for attempt in attempts}
    return next((source for source in ("estimated", "provider") if source in sources), "none")


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
