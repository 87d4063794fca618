"""Text completions: what stands in the prompt is written on, after a word about who writes."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import orjson

from backends.sandbox.answer import ECHO_CHARS, LABEL, Answer, Choice, filled, stopped, within
from backends.sandbox.fields import count, max_tokens, min_tokens, model_of, object_in, parse, stops_of
from backends.sandbox.order import MAX_CHOICES
from backends.sandbox.refusal import invalid
from backends.sandbox.reply import Reply
from backends.sandbox.tokens import count_tokens, split_tokens
from backends.sandbox.wire import DONE, FINGERPRINT

USUAL_TOKENS = 16
"""OpenAI's own default: https://platform.openai.com/docs/api-reference/completions/create#max_tokens"""


def complete(raw: bytes, seed: int, number: int) -> Reply:
    """The reply to a body. Raises Refusal."""
    body = parse(raw)
    prompts = prompts_of(body.get("prompt"))
    if body.get("logprobs"):
        raise invalid("The sandbox does not support 'logprobs'.", "logprobs", "unsupported_parameter")
    most = max_tokens(body)
    limit, least, stops = most or USUAL_TOKENS, min_tokens(body, most), stops_of(body)
    each, echo = count(body, "n", 1, MAX_CHOICES) or 1, body.get("echo") is True
    written = [_written_on(prompt, limit, least, stops) for prompt in prompts for _ in range(each)]
    usage = _usage(sum(map(count_tokens, prompts)), sum(choice.tokens for choice in written))
    choices = [_echoed(prompts[at // each], choice) if echo else choice for at, choice in enumerate(written)]
    mark = hashlib.blake2b(raw, digest_size=12, key=str(seed).encode()).hexdigest()
    answer = Answer(f"cmpl-sandbox-{mark}-{number}", model_of(body), tuple(choices), usage["prompt_tokens"])
    usage_chunk = object_in(body, "stream_options").get("include_usage") is True
    return Reply(
        answer.completion_tokens,
        lambda created: _whole(answer, created, usage),
        events=(lambda created: _TextEvents(answer, created, usage if usage_chunk else None))
        if body.get("stream") is True
        else None,
    )


def prompts_of(prompt: Any) -> list[str]:
    """A text, several, or the same in tokens: those of a tokenizer that the sandbox does not have, so as numbers."""
    listed = [prompt] if isinstance(prompt, str) or _is_tokens(prompt) else prompt
    if not isinstance(listed, list) or not listed:
        raise invalid("'prompt' must be a string, or an array of strings or tokens.", "prompt")
    return [_text(entry) for entry in listed]


def _is_tokens(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(token) is int for token in value)


def _text(entry: Any) -> str:
    if isinstance(entry, str):
        return entry
    if _is_tokens(entry):
        return " ".join(str(token) for token in entry)
    raise invalid("'prompt' must be a string, or an array of strings or tokens.", "prompt")


def _written_on(prompt: str, limit: int, least: int, stops: tuple[str, ...]) -> Choice:
    text = stopped(filled(f" {LABEL} You wrote: {prompt[:ECHO_CHARS]}", least), stops)
    return within(limit, Choice("", text, None, "stop"))


def _echoed(prompt: str, choice: Choice) -> Choice:
    return Choice("", prompt + (choice.content or ""), None, choice.finish_reason)


def _common(answer: Answer, created: int) -> dict[str, Any]:
    return {
        "id": answer.id,
        "object": "text_completion",
        "created": created,
        "model": answer.model,
        "system_fingerprint": FINGERPRINT,
    }


def _written(index: int, text: str, finish_reason: str | None) -> dict[str, Any]:
    return {"index": index, "text": text, "logprobs": None, "finish_reason": finish_reason}


def _usage(read: int, written: int) -> dict[str, int]:
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _whole(answer: Answer, created: int, usage: dict[str, int]) -> bytes:
    choices = [_written(at, choice.content or "", choice.finish_reason) for at, choice in enumerate(answer.choices)]
    return orjson.dumps({**_common(answer, created), "choices": choices, "usage": usage})


@dataclass(frozen=True, slots=True)
class _TextEvents:
    answer: Answer
    created: int
    usage: dict[str, int] | None
    head: bytes = b""

    def tokens(self) -> Iterator[bytes]:
        """The token events; several choices take turns."""
        turns = zip_longest(*(self._choice(at, choice) for at, choice in enumerate(self.answer.choices)))
        return (event for turn in turns for event in turn if event is not None)

    @property
    def tail(self) -> bytes:
        """How each choice ended, the usage where it was asked for, and the terminator."""
        ends = [self._event([_written(at, "", c.finish_reason)]) for at, c in enumerate(self.answer.choices)]
        if self.usage is not None:
            ends.append(self._event([], usage=self.usage))
        return b"".join(ends) + DONE

    def _choice(self, index: int, choice: Choice) -> Iterator[bytes]:
        return (self._event([_written(index, token, None)]) for token in split_tokens(choice.content or ""))

    def _event(self, choices: list[dict[str, Any]], **more: Any) -> bytes:
        event = {**_common(self.answer, self.created), "choices": choices, **more}
        return b"data: %b\n\n" % orjson.dumps(event)
