"""Reasoning that Anthropic did not sign, in blocks that Anthropic's clients keep and send back.

A thinking block has a signature, which a client returns as it came
(https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking#preserving-thinking-blocks). Where the model
behind it signs nothing (Qwen3 on vLLM), or signs in its own way (Gemini, OpenAI), the signature is a seal of ours, and
holds what that model's provider wants to see again. On the way back the seal is opened; Anthropic, who would refuse it,
never gets to see it.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

CLAUDE = "anthropic-claude-v1"
"""The `format` of details that Anthropic signed."""
_SEAL = "hr1."
_LONGEST = 8 << 20

Detail = dict[str, Any]


def is_seal(value: Any) -> bool:
    """Whether this signature, or this encrypted text, is one of ours."""
    return isinstance(value, str) and value.startswith(_SEAL)


def seal(details: Sequence[Mapping[str, Any]] = ()) -> str:
    """A signature that holds these details; their text stands beside it, and is left out."""
    kept = [{name: value for name, value in detail.items() if name not in ("text", "summary")} for detail in details]
    return _SEAL + base64.urlsafe_b64encode(orjson.dumps(kept)).decode("ascii")


def unseal(sealed: str, text: str) -> list[Detail]:
    """The details, the first of them that lacks a text with the one that stood beside the seal.

    Nothing where somebody changed it: it only ever goes to a provider's judgement.
    """
    if len(sealed) > _LONGEST:
        return []
    try:
        details = orjson.loads(base64.urlsafe_b64decode(sealed[len(_SEAL) :].encode("ascii", "replace")))
    except (ValueError, binascii.Error):
        return []
    if not isinstance(details, list) or not all(isinstance(detail, dict) for detail in details):
        return []
    for detail in details:
        own = {"reasoning.text": "text", "reasoning.summary": "summary"}.get(detail.get("type"))
        if own is not None and text:
            detail[own] = text
            break
    return details


def holds_seals(body: bytes) -> bool:
    """Whether a request may hold any: told by its bytes, since a conversation may be long. False alarms cost little."""
    return b'"hr1.' in body


def without_seals(native: Mapping[str, Any]) -> dict[str, Any]:
    """The request as Anthropic can take it: without blocks and citations that it never signed."""
    messages = native.get("messages")
    kept = [_without_seals(message) for message in messages] if isinstance(messages, list) else []
    return {**native, "messages": [message for message in kept if message is not None]}


def _without_seals(message: Any) -> Any:
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, list):
        return message
    blocks = [_without_sealed_citations(block) for block in content if not _is_sealed(block)]
    if not blocks and content:  # a message with nothing in it is refused
        return None
    return {**message, "content": blocks}


def _is_sealed(block: Any) -> bool:
    return isinstance(block, dict) and (
        (block.get("type") == "thinking" and is_seal(block.get("signature")))
        or (block.get("type") == "redacted_thinking" and is_seal(block.get("data")))
    )


def _without_sealed_citations(block: Any) -> Any:
    citations = block.get("citations") if isinstance(block, dict) else None
    if not isinstance(citations, list):
        return block
    kept = [one for one in citations if not (isinstance(one, dict) and is_seal(one.get("encrypted_index")))]
    if len(kept) == len(citations):
        return block
    block = {name: value for name, value in block.items() if name != "citations"}
    return {**block, "citations": kept} if kept else block
