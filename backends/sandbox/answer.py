"""What the sandbox answers to an order: its words, its calls, and an honest count of both."""

import hashlib
from dataclasses import dataclass

import orjson

from backends.sandbox.fields import MAX_OUTPUT_TOKENS
from backends.sandbox.hints import Hints
from backends.sandbox.order import Order
from backends.sandbox.refusal import invalid
from backends.sandbox.schema import instance
from backends.sandbox.tokens import TOKEN_CHARS, count_tokens, prompt_tokens
from backends.sandbox.value import UnsatisfiableError

LABEL = "This is the Headrace sandbox, not a model."
REASONING = "The sandbox does not think; these words stand where a model's reasoning would."
ECHO_CHARS = 400
FILLER = " sandbox"


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call. Its head (id and name) counts as one token, since it is streamed as one."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the `n` answers."""

    reasoning: str
    content: str | None
    call: Call | None
    finish_reason: str

    @property
    def reasoning_tokens(self) -> int:
        return count_tokens(self.reasoning)

    @property
    def tokens(self) -> int:
        """All that was generated, reasoning included; each is one event of a stream."""
        call = 1 + count_tokens(self.call.arguments) if self.call else 0
        return self.reasoning_tokens + count_tokens(self.content or "") + call


@dataclass(frozen=True, slots=True)
class Answer:
    """The whole answer."""

    id: str
    model: str
    choices: tuple[Choice, ...]
    prompt_tokens: int

    @property
    def completion_tokens(self) -> int:
        return sum(choice.tokens for choice in self.choices)

    def usage(self) -> dict[str, object]:
        """OpenAI's usage object."""
        completion = self.completion_tokens
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self.prompt_tokens + completion,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": sum(choice.reasoning_tokens for choice in self.choices),
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }


def answer(order: Order, raw: bytes, seed: int, number: int) -> Answer:
    """The answer to an order: the same for the same bytes and seed, but for the exchange's number in its id."""
    mark = hashlib.blake2b(raw, digest_size=12, key=str(seed).encode()).hexdigest()
    return Answer(
        id=f"chatcmpl-sandbox-{mark}-{number}",
        model=order.model,
        choices=tuple(_choice(order, mark, nth) for nth in range(order.choices)),
        prompt_tokens=prompt_tokens(order.body),
    )


def _choice(order: Order, mark: str, nth: int) -> Choice:
    reasoning = REASONING if order.reasons else ""
    if order.tool is not None:
        arguments = _json(order.tool.parameters, order, f"tools.{order.tool.name}.parameters")
        call = Call(f"call_{mark[:20]}{nth:04d}", order.tool.name, arguments)
        return within(order.max_tokens, Choice(reasoning, None, call, "tool_calls"))
    if order.schema is not None:
        content = _json(order.schema, order, "response_format") if order.schema else _any_object(order)
    else:
        content = filled(_words(order, nth), order.min_tokens - count_tokens(reasoning))
    return within(order.max_tokens, Choice(reasoning, stopped(content, order.stops), None, "stop"))


def _words(order: Order, nth: int) -> str:
    echo = order.last_text[:ECHO_CHARS] + ("…" if len(order.last_text) > ECHO_CHARS else "")
    source = "The tool answered" if order.last_role == "tool" else "You said"
    which = f" Answer {nth + 1} of {order.choices}." if order.choices > 1 else ""
    return f"{LABEL}{which} {source}: {echo}"


def filled(text: str, tokens: int) -> str:
    """The text, made up to at least so many tokens."""
    missing = min(tokens, MAX_OUTPUT_TOKENS) * TOKEN_CHARS - len(text)
    return text + (FILLER * (missing // len(FILLER) + 1))[:missing] if missing > 0 else text


def _json(schema: object, order: Order, param: str) -> str:
    try:
        made = instance(schema, Hints.of(order.last_text))
    except UnsatisfiableError as error:
        raise invalid(f"The sandbox found nothing that fits the schema: {error}.", param) from error
    return orjson.dumps(made).decode()


def _any_object(order: Order) -> str:
    """JSON mode names no schema, but prompts put the keys they want in quotes."""
    keys = Hints.of(order.last_text).quoted
    return orjson.dumps(dict.fromkeys(keys, LABEL) or {"sandbox": LABEL}).decode()


def stopped(content: str, stops: tuple[str, ...]) -> str:
    """The content before the first of these texts."""
    ends = [at for stop in stops if (at := content.find(stop)) >= 0]
    return content[: min(ends)] if ends else content


def within(limit: int, choice: Choice) -> Choice:
    """The choice cut to the token limit, as a model is: wherever it happens to be."""
    if choice.tokens <= limit:
        return choice
    reasoning = choice.reasoning[: limit * TOKEN_CHARS]
    left = limit - count_tokens(reasoning)
    content, call = choice.content, choice.call
    if content is not None:
        content = content[: left * TOKEN_CHARS]
    if call is not None:
        call = Call(call.id, call.name, call.arguments[: (left - 1) * TOKEN_CHARS]) if left else None
    return Choice(reasoning, content, call, "length")
