"""Reasoning that must come back unchanged: Converse's blocks as details in the common form, and those as blocks again.

Claude's signatures and redacted blocks are the same on every platform that serves it, so they bear Anthropic's format
and may go on elsewhere (https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking).
"""

import re
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Mapping
from typing import Any

from backends.providers.anthropic.blocks import FORMAT as CLAUDE

OTHERS = "bedrock-converse-v1"
"""Of a model that is no Claude: for nobody but its own."""
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{8,}={0,2}")


def encrypted(redacted: Any, index: int) -> dict[str, Any]:
    """`redactedContent`, which is Anthropic's `data` in base64 once more, as a detail."""
    data, owner = str(redacted), OTHERS
    try:
        inner = b64decode(data, validate=True)
    except (Error, ValueError):
        inner = b""
    if _BASE64.fullmatch(inner):
        data, owner = inner.decode("ascii"), CLAUDE
    return {"type": "reasoning.encrypted", "data": data, "format": owner, "index": index}


def restore_blocks(details: Any) -> list[dict[str, Any]]:
    """The blocks that these details stand for, in their order; what bears another format, or no signature, is left out.

    A client that gathers a stream may have kept each piece, or joined those of one index: both give the same.
    """
    if not isinstance(details, list):
        return []
    blocks: list[dict[str, Any]] = []
    for detail in _joined(details):
        kind, owner = detail.get("type"), str(detail.get("format", ""))
        if kind == "reasoning.text" and detail.get("signature") and owner.startswith(CLAUDE):
            text = {"text": str(detail.get("text") or ""), "signature": str(detail["signature"])}
            blocks.append({"reasoningContent": {"reasoningText": text}})
        elif kind == "reasoning.encrypted" and detail.get("data"):
            data = str(detail["data"])
            if owner.startswith(CLAUDE):
                blocks.append({"reasoningContent": {"redactedContent": b64encode(data.encode()).decode("ascii")}})
            elif owner.startswith(OTHERS):
                blocks.append({"reasoningContent": {"redactedContent": data}})
    return blocks


def _joined(details: list[Any]) -> list[dict[str, Any]]:
    joined: list[dict[str, Any]] = []
    for detail in details:
        if not isinstance(detail, Mapping):
            continue
        last = joined[-1] if joined else None
        if (
            last is not None
            and detail.get("type") == "reasoning.text" == last.get("type")
            and detail.get("index") is not None
            and detail.get("index") == last.get("index")
        ):
            last["text"] = str(last.get("text") or "") + str(detail.get("text") or "")
            last.update({name: detail[name] for name in ("signature", "format") if detail.get(name)})
        else:
            joined.append(dict(detail))
    return joined
