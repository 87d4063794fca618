"""The four verbs of OpenAI's protocol, put together; and the dialects besides chat that who speaks it understands."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

from backends.adapter import Completion, StreamRelay, WholeAnswer
from backends.errors import NotCarried, Refused
from backends.providers.openai.audio import (
    read_speech,
    read_transcript,
    render_form,
    speech_relay,
    transcript_relay,
)
from backends.providers.openai.completions import read_text_completion, text_relay
from backends.providers.openai.decoder import OpenAIStreamDecoder
from backends.providers.openai.embeddings import read_embeddings
from backends.providers.openai.errors import read_error
from backends.providers.openai.images import image_relay, read_images
from backends.providers.openai.moderations import read_moderation
from backends.providers.openai.passing import render_renamed
from backends.providers.openai.quirks import mend
from backends.providers.openai.request import render_body, render_head, route
from backends.providers.openai.rerank import read_rerank
from backends.providers.openai.response import find_usage, read_answer, read_completion
from backends.providers.openai.responses import find_responses_usage, read_responses_answer, render_responses_body
from backends.providers.openai.responses_stream import ResponsesRelay
from backends.providers.openai.stream import OpenAIStreamRelay
from backends.types import ChatRequest, Clocks, Target, UpstreamRequest, Usage


class _MakeRelay(Protocol):
    def __call__(self, chat: ChatRequest, *, resumed: bool) -> StreamRelay: ...


class Passage(NamedTuple):
    """One more dialect whose bytes pass through to targets that understand it (`Quirks.dialects`)."""

    path: str
    """Under the target's base URL."""
    body: Callable[[ChatRequest, str], bytes]
    """The caller's bytes, with the upstream's name of the model."""
    read: Callable[[bytes], WholeAnswer]
    relay: _MakeRelay | None = None
    """None: it is never streamed."""
    everywhere: bool = True
    """Asked also of a target of which nothing is known: one without the route says so (404), and the next is tried."""


def _responses_relay(chat: ChatRequest, *, resumed: bool) -> ResponsesRelay:  # noqa: ARG001  the table's signature
    return ResponsesRelay(resumed=resumed)


_PASSAGES: Mapping[str, Passage] = MappingProxyType(
    {
        "openai_responses": Passage(
            "/responses", render_responses_body, read_responses_answer, _responses_relay, everywhere=False
        ),
        "openai_completions": Passage("/completions", render_body, read_text_completion, text_relay),
        "openai_embeddings": Passage("/embeddings", render_renamed, read_embeddings),
        "rerank": Passage("/rerank", render_renamed, read_rerank),
        "openai_moderations": Passage("/moderations", render_renamed, read_moderation),
        "openai_images": Passage("/images/generations", render_renamed, read_images, image_relay),
        "openai_speech": Passage("/audio/speech", render_renamed, read_speech, speech_relay),
        "openai_transcriptions": Passage("/audio/transcriptions", render_form, read_transcript, transcript_relay),
        "openai_translations": Passage("/audio/translations", render_form, read_transcript, transcript_relay),
    }
)


class OpenAIAdapter:
    """Chat completions; bytes pass through both ways but for what must change."""

    def build_request(self, chat: ChatRequest, target: Target, clocks: Clocks) -> UpstreamRequest:
        """The caller's own bytes with the upstream's model name, and usage asked for in streams."""
        url, headers = self.head(target)
        dropped: tuple[str, ...] = ()
        if chat.dialect != "openai_chat" and self.speaks(chat.dialect, target):
            passage = _PASSAGES[chat.dialect]
            url, body = self.url(target, chat.dialect, passage.path), passage.body(chat, target.model)
            if "content-type" in chat.headers:  # a form's, with its boundary
                headers = {**headers, "content-type": chat.headers["content-type"]}
        elif "messages" not in chat.body:
            raise NotCarried("model", f"The provider '{target.provider}' has no such route; name another model.")
        else:
            chat, dropped = mend(chat, target)
            body = render_body(chat, target.model)
        return UpstreamRequest("POST", url, headers, body, chat.stream, clocks.connect_s, dropped)

    def head(self, target: Target) -> tuple[str, Mapping[str, str]]:
        """The URL of chat, and the headers of every request to this target; made once for each."""
        return render_head(target)

    def url(self, target: Target, dialect: str, usual: str) -> str:
        """Where a dialect besides chat is, `usual` being its path under OpenAI's own base URL."""
        return route(target, dialect, usual)

    def speaks(self, dialect: str, target: Target) -> bool:
        """OpenAI's chat, and what this provider understands besides."""
        passage, known = _PASSAGES.get(dialect), target.quirks.dialects
        if passage is None:
            return dialect == "openai_chat"
        return dialect in known or (passage.everywhere and not known)

    def parse_response(self, chat: ChatRequest, body: bytes) -> WholeAnswer:
        """A whole answer; its bytes stay as they are."""
        passage = _PASSAGES.get(chat.dialect)
        return read_answer(body) if passage is None else passage.read(body)

    def read(self, chat: ChatRequest, body: bytes) -> Completion:  # noqa: ARG002  the protocol's signature
        """A whole answer, for callers who speak something else."""
        return read_completion(body)

    def usage_in(self, tail: bytes) -> Usage | None:
        """The usage object, which OpenAI and its like put at the end."""
        return find_usage(tail) or find_responses_usage(tail)

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> Refused:
        """An error answer, classified by whose fault it is."""
        return read_error(status, headers, body)

    def stream_relay(self, chat: ChatRequest, *, resumed: bool = False) -> StreamRelay:
        """A fresh relay for one attempt."""
        passage = _PASSAGES.get(chat.dialect)
        if passage is not None and passage.relay is not None:
            return passage.relay(chat, resumed=resumed)
        return OpenAIStreamRelay(hide_usage=not chat.wants_usage, resumed=resumed, choices=chat.choices)

    def stream_decoder(self, chat: ChatRequest) -> OpenAIStreamDecoder:
        """A fresh decoder for one attempt."""
        return OpenAIStreamDecoder(chat.choices)
