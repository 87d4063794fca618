"""Reasoning between the common form's `reasoning_details` and the Responses API's reasoning items.

What OpenAI itself encrypted stands in an item as it came. What any other provider wants back on the next turn (Claude's
signatures, Gemini's) is sealed into the item's `encrypted_content`, which every client that keeps its items returns.
https://platform.openai.com/docs/guides/reasoning#encrypted-reasoning-items
https://openrouter.ai/docs/use-cases/reasoning-tokens#preserving-reasoning
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

OPENAI = "openai-responses-v1"
_PACKED = "hr1."
"""Providers of OpenAI's protocol know it too: they leave such items out on the way to OpenAI."""
_LONGEST_PACKED = 8 << 20

Detail = dict[str, Any]


def merge(details: list[Detail], more: Sequence[Any]) -> None:
    """Add what one delta says: pieces of one block become one detail."""
    for piece in more:
        if not isinstance(piece, dict):
            continue
        last = details[-1] if details else None
        if last is not None and _continues(last, piece):
            for name, value in piece.items():
                if name in ("text", "summary", "data") and isinstance(value, str) and isinstance(last.get(name), str):
                    last[name] += value
                elif value is not None:
                    last[name] = value
        else:
            details.append(dict(piece))


def _continues(last: Mapping[str, Any], piece: Mapping[str, Any]) -> bool:
    return (
        last.get("type") == piece.get("type") != "reasoning.encrypted"
        and not last.get("signature")
        and last.get("index") == piece.get("index")
        and piece.get("id") in (None, last.get("id"))
        and piece.get("format") in (None, last.get("format"))
    )


def text_of(details: Sequence[Mapping[str, Any]]) -> str:
    """The reasoning that can be read, without summaries."""
    return "".join(d["text"] for d in details if d.get("type") == "reasoning.text" and isinstance(d.get("text"), str))


def summaries_of(details: Sequence[Mapping[str, Any]]) -> list[str]:
    """Each part of the summary."""
    return [d["summary"] for d in details if d.get("type") == "reasoning.summary" and isinstance(d.get("summary"), str)]


def sealed(details: Sequence[Detail]) -> str | None:
    """`encrypted_content` for these details; None where there is nothing that a provider would want back."""
    if not any(detail.get("signature") or detail.get("data") for detail in details):
        return None
    if len({_group(detail) for detail in details}) == 1 and details[0].get("format") == OPENAI:
        data = [detail["data"] for detail in details if isinstance(detail.get("data"), str)]
        if len(data) == 1:
            return str(data[0])
    return _PACKED + base64.urlsafe_b64encode(orjson.dumps(details)).decode("ascii")


def _group(detail: Mapping[str, Any]) -> tuple[Any, Any]:
    return detail.get("format"), detail.get("id")


def restored(item: Mapping[str, Any]) -> tuple[str, list[Detail]]:
    """A reasoning item that came back: its text, and its details for the provider that gave them."""
    text = "".join(_texts(item.get("content")))
    sealed_content = item.get("encrypted_content")
    if isinstance(sealed_content, str) and sealed_content.startswith(_PACKED):
        details = _unpacked(sealed_content)
        return text or text_of(details), details
    details = [{"type": "reasoning.summary", "summary": part, "format": OPENAI} for part in _texts(item.get("summary"))]
    if isinstance(sealed_content, str) and sealed_content:
        form = item.get("format")
        details.append(
            {
                "type": "reasoning.encrypted",
                "data": sealed_content,
                "format": form if isinstance(form, str) else OPENAI,
                **({"id": item["id"]} if isinstance(item.get("id"), str) else {}),
            }
        )
    for index, detail in enumerate(details):
        detail["index"] = index
    return text, details


def _texts(parts: Any) -> list[str]:
    if not isinstance(parts, list):
        return []
    return [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]


def _unpacked(packed: str) -> list[Detail]:
    """What was sealed; nothing where somebody changed it. It is only ever shown to a provider, who judges it anew."""
    if len(packed) > _LONGEST_PACKED:
        return []
    try:
        details = orjson.loads(base64.urlsafe_b64decode(packed[len(_PACKED) :].encode("ascii")))
    except (ValueError, binascii.Error):
        return []
    return [detail for detail in details if isinstance(detail, dict)] if isinstance(details, list) else []
