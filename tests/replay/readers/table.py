"""Which reader reads what."""

from collections.abc import Callable
from typing import NamedTuple

from tests.replay.readers import anthropic_messages, cohere, converse, gemini, openai_chat, openai_responses
from tests.replay.readers.framing import aws_edges, sse_edges
from tests.replay.reading import Reading
from tests.replay.recordings import Recording


class Reader(NamedTuple):
    """How one API's answers are read."""

    whole: Callable[[bytes], Reading]
    stream: Callable[[bytes], Reading]
    edges: Callable[[bytes], list[int]]


_READERS = {
    "chat_completions": Reader(openai_chat.read_whole, openai_chat.read_stream, sse_edges),
    "responses": Reader(openai_responses.read_whole, openai_responses.read_stream, sse_edges),
    "messages": Reader(anthropic_messages.read_whole, anthropic_messages.read_stream, sse_edges),
    "vertex_raw_predict": Reader(anthropic_messages.read_whole, anthropic_messages.read_stream, sse_edges),
    "invoke_model": Reader(anthropic_messages.read_whole, anthropic_messages.read_bedrock_stream, aws_edges),
    "generate_content": Reader(gemini.read_whole, gemini.read_stream, sse_edges),
    "converse": Reader(converse.read_whole, converse.read_stream, aws_edges),
    "chat_v2": Reader(cohere.read_whole, cohere.read_stream, sse_edges),
}


def reader_of(recording: Recording) -> Reader:
    """By API."""
    return _READERS[recording.api]


def read(recording: Recording) -> Reading:
    """The independent reading of one exchange's answer."""
    reader = reader_of(recording)
    return reader.stream(recording.body) if recording.stream else reader.whole(recording.body)
