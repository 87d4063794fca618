"""What a model thought, on its way through a client that only speaks OpenAI: summaries and signatures.

Gemini 3 answers 400 to a turn whose function call comes back without the signature it was given
(https://ai.google.dev/gemini-api/docs/thought-signatures). Two fields carry it, and either is enough to bring it back:
`reasoning_details`, as OpenRouter has them, and `tool_calls[].extra_content.google.thought_signature`, as Google's
own OpenAI-compatible endpoint has it (https://ai.google.dev/gemini-api/docs/openai).
"""

from collections.abc import Iterator, Mapping
from typing import Any

FORMAT = "google-gemini-v1"
FOREIGN = "skip_thought_signature_validator"
"""What Google documents for calls that the model did not make itself, or whose signature got lost on the way."""


def sealed(data: str, index: int, call_id: str | None = None) -> dict[str, Any]:
    """A signature as one of `reasoning_details`; with the id of the tool call that it belongs to, else the text's."""
    detail = {"type": "reasoning.encrypted", "data": data, "format": FORMAT, "index": index}
    return detail if call_id is None else {**detail, "id": call_id}


def summary(text: str, index: int, signature: str | None) -> dict[str, Any]:
    """A thought as one of `reasoning_details`."""
    detail = {"type": "reasoning.text", "text": text, "format": FORMAT, "index": index}
    return detail if signature is None else {**detail, "signature": signature}


def extra_content(signature: str) -> dict[str, Any]:
    """A signature as Google's own endpoint says it."""
    return {"google": {"thought_signature": signature}}


class Recalled:
    """What an assistant message of the caller's brings back of ours; other providers' details are theirs."""

    __slots__ = ("by_call", "of_text", "thoughts")

    def __init__(self, message: Mapping[str, Any]) -> None:
        self.by_call: dict[str, str] = {}
        self.of_text: list[str] = []
        self.thoughts: list[dict[str, Any]] = []
        for detail in _ours(message.get("reasoning_details")):
            data, text, call = detail.get("data"), detail.get("text"), detail.get("id")
            if detail.get("type") == "reasoning.encrypted" and isinstance(data, str):
                if isinstance(call, str):
                    self.by_call[call] = data
                else:
                    self.of_text.append(data)
            elif detail.get("type") == "reasoning.text" and isinstance(text, str):
                self._recall_thought(text, detail.get("signature"))
        if not self.of_text and (signature := signature_in(message)) is not None and not message.get("tool_calls"):
            self.of_text.append(signature)

    def _recall_thought(self, text: str, signature: Any) -> None:
        """Pieces of a stream that a client only gathered are put together again."""
        last = self.thoughts[-1] if self.thoughts else None
        if last is not None and "thoughtSignature" not in last:
            last["text"] += text
        else:
            last = {"text": text, "thought": True}
            self.thoughts.append(last)
        if isinstance(signature, str):
            last["thoughtSignature"] = signature


def signature_in(holder: Mapping[str, Any]) -> str | None:
    """The signature in a tool call's (or a message's) `extra_content`."""
    extra = holder.get("extra_content")
    google = extra.get("google") if isinstance(extra, Mapping) else None
    signature = google.get("thought_signature") if isinstance(google, Mapping) else None
    return signature if isinstance(signature, str) else None


def _ours(details: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(details, list):
        for detail in details:
            if isinstance(detail, Mapping) and detail.get("format") == FORMAT:
                yield detail
