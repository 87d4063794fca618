"""A folder of recorded exchanges: `PROVIDER/API.jsonl`, one exchange a line.

An exchange has `id`, `provider`, `api`, `model`, `stream`, `request` and `response`; both have `headers`, `body` and
`body_encoding` (`json`, `text`, `base64`, `none`, `not_recorded`), the response has `status` besides.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

CHAT_LIKE = frozenset(
    {"chat_completions", "responses", "messages", "generate_content", "converse", "chat_v2"}
    | {"invoke_model", "vertex_raw_predict"}
)


class Recording(NamedTuple):
    """One exchange with a provider."""

    id: str
    provider: str
    api: str
    model: str
    stream: bool
    url: str
    request: Any
    """The body as it was parsed; None where it was not kept."""
    status: int
    headers: Mapping[str, str]
    body: bytes
    request_headers: Mapping[str, str]

    def __repr__(self) -> str:
        return f"<Recording {self.id}>"


def read_folder(folder: Path) -> Iterator[Recording]:
    """All exchanges of the APIs that are a chat."""
    for path in sorted(folder.glob("*/*.jsonl")):
        if path.stem in CHAT_LIKE:
            yield from read_file(path)


def read_file(path: Path) -> Iterator[Recording]:
    """The exchanges of one file that are a chat with a model."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            recording = _recording(json.loads(line))
            if _is_chat(recording):
                yield recording


def _recording(entry: dict[str, Any]) -> Recording:
    request, response = entry["request"], entry["response"]
    body = response["body"] or ""
    return Recording(
        id=entry["id"],
        provider=entry["provider"],
        api=entry["api"],
        model=entry.get("model") or "",
        stream=bool(entry["stream"]) or ":streamGenerateContent" in request["url"],
        url=request["url"],
        request=request["body"] if request["body_encoding"] == "json" else None,
        status=response["status"],
        headers={name.lower(): value for name, value in (response.get("headers") or {}).items()},
        body=base64.b64decode(body) if response["body_encoding"] == "base64" else body.encode(),
        request_headers={name.lower(): value for name, value in (request.get("headers") or {}).items()},
    )


def _is_chat(recording: Recording) -> bool:
    """Raw predictions are Claude's messages, or another model's own format, which is nobody's protocol here."""
    if recording.api == "responses":  # a stored response that is fetched or deleted is no answer
        return recording.url.split("?")[0].endswith("/responses")
    if recording.api in ("invoke_model", "vertex_raw_predict"):
        request = recording.request if isinstance(recording.request, dict) else {}
        return "claude" in recording.model and "messages" in request
    return True
