"""OpenAI's audio: speech from text, text from speech, and English from any.

https://platform.openai.com/docs/api-reference/audio. Recordings come as `multipart/form-data`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from backends.multipart import BadForm, Part, boundary_of, content_type_for, read_parts
from backends.types import AnswerKind, ChatRequest
from gateway.dialects.base import TakesForms
from gateway.dialects.json_body import TEXT, checked_model
from gateway.dialects.openai_route import OpenAIRoute
from gateway.dialects.recordings import estimate_tokens
from gateway.errors import InvalidRequest

LONGEST_FIELD = 64 << 10
"""A prompt, in bytes; recordings are files."""
_TRUE = frozenset({"true", "1", "yes", "on"})
"""As the usual servers (pydantic) read a switch in a form."""
_NUMBERS = ("max_tokens", "max_completion_tokens", "n")


class OpenAISpeech(OpenAIRoute):
    """Implements gateway.dialects.base.Dialect. A voice is the upstream's to ask for: some models have but one."""

    name = "openai_speech"
    answers = AnswerKind.BINARY
    types = MappingProxyType({"input": TEXT, "instructions": TEXT, "response_format": TEXT, "stream_format": TEXT})

    def parse(self, body: bytes, headers: Mapping[str, str]) -> ChatRequest:  # noqa: ARG002  the protocol's signature
        """The caller's body. With `stream_format: sse` sound comes as events, with anything else as it is."""
        asked = self.read(body)
        model = asked.model()
        asked.require("input", "the text to be spoken")
        return self.asked(asked, model, stream=asked.fields.get("stream_format") == "sse")


class OpenAITranscriptions(OpenAIRoute, TakesForms):
    """Implements gateway.dialects.base.Dialect."""

    name = "openai_transcriptions"
    answers = AnswerKind.TRANSCRIPT

    def parse(self, body: bytes, headers: Mapping[str, str]) -> ChatRequest:
        """The caller's form: its fields in `body`, of its files only their names and sizes."""
        try:
            boundary = boundary_of(headers.get("content-type", ""))
            parts = read_parts(body, boundary)
        except BadForm as error:
            raise InvalidRequest(f"The body is not valid multipart/form-data: {error}.") from error
        fields = _fields(body, parts)
        model = checked_model(fields.get("model"))
        recording = next((part for part in parts if part.name == "file" and part.filename is not None), None)
        if recording is None or recording.end == recording.start:
            raise InvalidRequest("'file' is missing or empty: the recording, as a file of the form.", param="file")
        return ChatRequest(
            body,
            fields,
            model,
            stream=str(fields.get("stream")).lower() in _TRUE,
            wants_usage=False,
            dialect=self.name,
            headers=MappingProxyType({"content-type": content_type_for(boundary)}),
            untranslated=self.untranslated,
            answers=self.answers,
            input_estimate=estimate_tokens(memoryview(body)[recording.start : recording.end]),
        )


class OpenAITranslations(OpenAITranscriptions):
    """Implements gateway.dialects.base.Dialect: the same form, an answer in English."""

    name = "openai_translations"


def _fields(body: bytes, parts: list[Part]) -> dict[str, Any]:
    """By name; a repeated one (`timestamp_granularities[]`) as a list. `model` and what bounds the answer only once."""
    fields: dict[str, Any] = {}
    for part in parts:
        value: Any
        if part.filename is None:
            value = _text(body, part)
        else:
            value = {"filename": part.filename, "content_type": part.content_type, "bytes": part.end - part.start}
        if part.name not in fields:
            fields[part.name] = value
        elif part.name in ("model", "stream", "file", *_NUMBERS):
            raise InvalidRequest(f"The field '{part.name}' stands twice in the form.", param=part.name)
        elif isinstance(fields[part.name], list):
            fields[part.name].append(value)
        else:
            fields[part.name] = [fields[part.name], value]
    for name in _NUMBERS:
        if name in fields:
            fields[name] = _number(name, fields[name])
    return fields


def _text(body: bytes, part: Part) -> str:
    if part.end - part.start > LONGEST_FIELD:
        raise InvalidRequest(f"A field of the form is longer than {LONGEST_FIELD} bytes.", param=part.name[:100])
    try:
        return body[part.start : part.end].decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRequest("A field of the form is not UTF-8.", param=part.name[:100]) from error


def _number(name: str, text: Any) -> int:
    if not isinstance(text, str) or not text.isascii() or not text.isdigit() or len(text) > 9:
        raise InvalidRequest(f"'{name}' must be a whole number.", param=name)
    return int(text)
