"""A whole answer of generateContent in the common form. https://ai.google.dev/api/generate-content#response-body"""

from typing import Any

import orjson

from backends.adapter import Completion
from backends.errors import BadAnswer
from backends.providers.gemini.citations import read_citations
from backends.providers.gemini.errors import error_in_answer
from backends.providers.gemini.finish import block_reason, finish_reason, native_reason
from backends.providers.gemini.logprobs import read_logprobs
from backends.providers.gemini.parts import Candidate, Pieces
from backends.providers.gemini.usage import read_usage
from backends.types import ChatRequest


def read_completion(chat: ChatRequest, body: bytes) -> Completion:
    """Raises BadAnswer for what is no answer, Refused for an error inside a 200."""
    answer = read_object(body)
    try:
        choices = _choices(answer)
    except (AttributeError, KeyError, TypeError) as error:
        raise BadAnswer("a success status, but an answer of another shape than this protocol's") from error
    completion = {
        "id": str(answer.get("responseId") or ""),
        "object": "chat.completion",
        "created": chat.created,
        "model": answer.get("modelVersion") or chat.model,
        "choices": choices,
    }
    tier = service_tier(answer.get("usageMetadata"))
    if tier is not None:
        completion["service_tier"] = tier
    return Completion(completion, read_usage(answer.get("usageMetadata")))


def read_object(body: bytes) -> dict[str, Any]:
    """A 200's body. Raises BadAnswer, or Refused for an error in it."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadAnswer("a success status, but the body is not JSON") from error
    if not isinstance(answer, dict):
        raise BadAnswer("a success status, but the body is not an object")
    if answer.get("error"):
        raise error_in_answer(answer)
    return answer


def parts_of(candidate: dict[str, Any]) -> list[Any]:
    """May be missing: where all was thought, where the answer was stopped."""
    content = candidate.get("content")
    parts = content.get("parts") if isinstance(content, dict) else None
    return parts if isinstance(parts, list) else []


def blocked_choice(reason: str, holder: str) -> dict[str, Any]:
    """The only choice of a prompt that was not answered; `holder` is `message` or `delta`."""
    said = {"role": "assistant", "content": None, "refusal": f"The provider blocked the prompt: {reason}."}
    return {"index": 0, holder: said, "finish_reason": "content_filter", "native_finish_reason": reason}


def service_tier(usage: Any) -> str | None:
    """As OpenAI calls it."""
    tier = usage.get("serviceTier") if isinstance(usage, dict) else None
    return ("default" if tier == "standard" else tier) if isinstance(tier, str) else None


def _choices(answer: dict[str, Any]) -> list[dict[str, Any]]:
    candidates = answer.get("candidates")
    if isinstance(candidates, list) and candidates:
        answer_id = str(answer.get("responseId") or "")
        return [_choice(candidate, place, answer_id) for place, candidate in enumerate(candidates)]
    blocked = block_reason(answer)
    if blocked is None:
        raise BadAnswer("a success status, but no candidates in the answer")
    return [blocked_choice(blocked, "message")]


def _choice(candidate: dict[str, Any], place: int, answer_id: str) -> dict[str, Any]:
    index = candidate.get("index", place)
    seen = Candidate(index if type(index) is int else place)
    pieces = seen.read(parts_of(candidate), answer_id)
    native = native_reason(candidate.get("finishReason")) or "STOP"
    finish = finish_reason(native, called=bool(pieces.calls))
    message = _message(pieces)
    message["annotations"] = [*pieces.annotations, *read_citations(candidate, pieces.text)]
    if not message["annotations"]:
        del message["annotations"]
    if finish == "content_filter" and not pieces.text and candidate.get("finishMessage"):
        message["refusal"] = candidate["finishMessage"]
    return {
        "index": seen.index,
        "message": message,
        "logprobs": read_logprobs(candidate.get("logprobsResult")),
        "finish_reason": finish,
        "native_finish_reason": native,
    }


def _message(pieces: Pieces) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": pieces.text or None, "refusal": None}
    if pieces.thoughts:
        message["reasoning_content"] = message["reasoning"] = pieces.thoughts
    if pieces.details:
        message["reasoning_details"] = pieces.details
    if pieces.calls:
        for call in pieces.calls:
            del call["index"]
        message["tool_calls"] = pieces.calls
    elif pieces.text == "" and not pieces.images:
        message["content"] = ""
    if pieces.images:
        message["images"] = pieces.images
    return message
