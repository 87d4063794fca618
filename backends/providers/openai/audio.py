"""Speech from text, and text from speech.

https://platform.openai.com/docs/api-reference/audio. The sound of an answer is no JSON and is never read; the upload
of a request is searched for its `model` field and goes up as it came.
"""

from backends.errors import BadAnswer
from backends.multipart import boundary_of, read_parts
from backends.providers.openai.event_relay import EventKinds, EventRelay
from backends.providers.openai.passing import PassedAnswer, read_object
from backends.providers.openai.response import read_usage
from backends.providers.openai.responses import read_responses_usage
from backends.types import ChatRequest

_SPEECH = EventKinds(content=frozenset({"speech.audio.delta"}), final=frozenset({"speech.audio.done"}))
_TRANSCRIPT = EventKinds(
    content=frozenset({"transcript.text.delta", "transcript.text.segment"}), final=frozenset({"transcript.text.done"})
)


def render_form(chat: ChatRequest, model: str) -> bytes:
    """The caller's form with the upstream's name in its `model` field: one new body, whatever its size."""
    raw = chat.raw
    if model == chat.model:
        return raw
    field = next(part for part in read_parts(raw, boundary_of(chat.headers["content-type"])) if part.name == "model")
    return b"".join((memoryview(raw)[: field.start], model.encode(), memoryview(raw)[field.end :]))


def read_speech(body: bytes) -> PassedAnswer:
    """A whole answer that came without a type of sound. Raises BadAnswer for a page or an object, and for nothing."""
    if body[:64].lstrip().startswith((b"{", b"<")):
        read_object(body)
        raise BadAnswer("a success status, but an object in place of sound")
    if not body:
        raise BadAnswer("a success status, but no sound in the answer")
    return PassedAnswer(body, None)


def read_transcript(body: bytes) -> PassedAnswer:
    """A transcript: JSON, or plain text, subtitles (`response_format`), which come without usage.

    Usage is in tokens or in seconds, and seconds are none of the classes that we count.
    """
    start = body[:64].lstrip()
    if start[:9].lower().startswith((b"<!doctype", b"<html")):
        raise BadAnswer("a success status, but a page in place of a transcript")
    if not start.startswith(b"{"):
        return PassedAnswer(body, None)
    answer = read_object(body)
    if not isinstance(answer.get("text"), str):
        raise BadAnswer("a success status, but no text in the answer")
    usage = answer.get("usage")
    return PassedAnswer(body, read_responses_usage(usage) or read_usage(usage))


def speech_relay(chat: ChatRequest, *, resumed: bool) -> EventRelay:  # noqa: ARG001  the table's signature
    """A fresh relay for one attempt (`stream_format: sse`)."""
    return EventRelay(_SPEECH)


def transcript_relay(chat: ChatRequest, *, resumed: bool) -> EventRelay:  # noqa: ARG001  the table's signature
    """A fresh relay for one attempt. vLLM's transcripts are streamed as chat chunks, which it reads as well."""
    return EventRelay(_TRANSCRIPT)
