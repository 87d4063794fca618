"""What a chunk of a translated stream costs: decoded from Anthropic's events, said again as OpenAI's chunks.

In this process, without sockets: what is asked is the translation's own cost. CPU time of the thread, the best of
several passes, since a neighbour can only make it dearer.
"""

import time

import orjson

from backends.providers.anthropic import AnthropicAdapter
from backends.types import ChatRequest
from gateway.dialects.openai_chat import OpenAIChat
from gateway.dialects.translated import TranslatedRelay

PASSES = 20
CHUNKS = 2_000


def _event(kind: str, **fields: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps({"type": kind, **fields}))


_MESSAGE: dict[str, object] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [],
    "stop_reason": None,
}
_BEGIN = _event("message_start", message={**_MESSAGE, "usage": {"input_tokens": 9, "output_tokens": 1}}) + _event(
    "content_block_start", index=0, content_block={"type": "text", "text": ""}
)
_DELTA = _event("content_block_delta", index=0, delta={"type": "text_delta", "text": " four or five words each"})


def cpu_us_per_chunk() -> float:
    """Microseconds of CPU time for one text delta, one socket read each."""
    return min(_pass() for _ in range(PASSES))


def _pass() -> float:
    body = {"model": "claude", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    chat = ChatRequest(orjson.dumps(body), body, "claude", stream=True, wants_usage=False, created=1)
    relay = TranslatedRelay(AnthropicAdapter().stream_decoder(chat), OpenAIChat().stream_encoder(chat))
    relay.feed(_BEGIN)
    began = time.thread_time()
    for _ in range(CHUNKS):
        relay.feed(_DELTA)
    return (time.thread_time() - began) / CHUNKS * 1e6
