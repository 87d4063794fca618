"""The most that an attempt can cost, before it is sent: what is reserved for it. Pure."""

from typing import NamedTuple

from backends.types import ChatRequest
from gateway.catalog.prices import MILLION, Price

OVERHEAD_TOKENS = 64
"""What a provider adds to the prompt (its template), and what a limit of ours adds to the body."""
PART_TOKENS = 16_384
"""The most that one image, file or recording in a message is counted as."""
TYPICAL_OUTPUT = 1_024
"""What a request that names no limit is taken to write, for the tokens per minute; corrected when it has ended."""
_TEXT = ("text", "refusal")


class Bound(NamedTuple):
    """One attempt's, as a function of the tokens that it may write."""

    fixed_nano: int
    """Input and fees."""
    output_price: int
    """Nano-dollars per million tokens."""
    output_tokens: int
    """Per answer."""
    answers: int

    @property
    def nano(self) -> int:
        """Rounded up."""
        return self.fixed_nano + -(-self.output_price * self.output_tokens * self.answers // MILLION)

    def within(self, nano: int) -> "Bound | None":
        """The same with so many tokens that it costs no more than this; None: not even one is left."""
        room = nano - self.fixed_nano
        if self.output_price <= 0 or room <= 0:
            return None
        tokens = min(self.output_tokens, room * MILLION // (self.output_price * self.answers))
        return self._replace(output_tokens=tokens) if tokens >= 1 else None


def bound(price: Price, body_bytes: int, media_parts: int, output_tokens: int, answers: int) -> Bound:
    """No token is shorter than a byte of the body that is sent; each class costs its dearest."""
    dearest_input = max(price.input, price.cached_input or 0, price.cache_write or 0)
    dearest_output = max(price.output, price.reasoning or 0)
    tokens = body_bytes + OVERHEAD_TOKENS + media_parts * PART_TOKENS
    return Bound(-(-tokens * dearest_input // MILLION) + price.request, dearest_output, output_tokens, max(1, answers))


def media_parts(chat: ChatRequest) -> int:
    """How many parts of the messages are no text: a link's few bytes may be a picture of many tokens."""
    messages = chat.body.get("messages")
    if not isinstance(messages, list):
        return 0
    parts = 0
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, list):
            parts += sum(1 for part in content if isinstance(part, dict) and part.get("type") not in _TEXT)
    return parts


def output_limit(chat: ChatRequest) -> int | None:
    """What the caller allows one answer to be, in tokens."""
    limit = chat.body.get("max_completion_tokens") or chat.body.get("max_tokens")
    return int(limit) if limit else None


def expected_tokens(chat: ChatRequest) -> int:
    """What a request is counted as against tokens per minute, until it has ended and its usage is known."""
    if not chat.answers.written:
        return max(1, chat.input_tokens)
    return chat.input_tokens + (output_limit(chat) or TYPICAL_OUTPUT) * int(chat.body.get("n") or 1)
