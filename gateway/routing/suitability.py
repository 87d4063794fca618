"""Which of a model's targets can serve such a request at all: its dialect, what it needs, how long it is.

Asked of every request, so that what a request does not need is not looked for, and what is found is remembered with
the model: per dialect and set of needs, not per request.
"""

from collections.abc import Iterable, Mapping, Sequence

from backends.types import BYTES_PER_TOKEN, AnswerKind, ChatRequest
from gateway.catalog.deployments import Deployment
from gateway.routing.abilities import needs_of
from gateway.routing.body import output_limit, words
from gateway.routing.carriage import not_carried
from gateway.routing.decision import Kind, Rejection
from gateway.routing.entries import ModelEntry

REMEMBERED = 256
FEWEST_BYTES_PER_TOKEN = 6
"""No text has notably more: what overflows by this measure overflows by any tokenizer's."""
_NOTHING: frozenset[str] = frozenset()


def suited(entry: ModelEntry, chat: ChatRequest) -> ModelEntry:
    """The model without the targets that can't serve this request, whatever its length."""
    needs = needs_of(chat.body, entry.watched) if entry.watched and is_answered_in_words(chat) else _NOTHING
    key = (chat.dialect, chat.untranslated, chat.own_answer is None, needs)
    found = entry.suited.get(key)
    if found is None:
        reasons = dict(_unsuited((*entry.deployments, *entry.drained), entry, chat, needs))
        found = entry.without(reasons) if reasons else entry
        if len(entry.suited) >= REMEMBERED:  # `untranslated` holds a caller's words
            entry.suited.clear()
        entry.suited[key] = found
    return found


def _unsuited(
    deployments: Iterable[Deployment], entry: ModelEntry, chat: ChatRequest, needs: frozenset[str]
) -> Iterable[tuple[str, Rejection]]:
    for deployment in deployments:
        reason, kind = not_carried(chat, deployment.target), Kind.DIALECT
        if reason is None:
            reason, kind = entry.ability(deployment).lacks(needs), Kind.CAPABILITY
        if reason is not None:
            yield deployment.id, Rejection(deployment.id, reason, kind)


def is_answered_in_words(chat: ChatRequest) -> bool:
    """Whether a model will read it and write an answer; other routes have needs and limits of their own."""
    return chat.answers is AnswerKind.TEXT and chat.own_answer is None


def overflowing(chat: ChatRequest, deployments: Sequence[Deployment]) -> Mapping[str, Rejection]:
    """Those whose context window is too small, by id.

    A count without the model's tokenizer is an estimate. By it, one target is passed over for another; but where no
    target is left, only those stay out whose window is too small for certain: the others know better than we do.
    """
    if not is_answered_in_words(chat):
        return {}
    limit = output_limit(chat.body)
    counted = count_input(chat)
    about = _above(deployments, counted + limit)
    if len(about) == len(deployments):
        about = _above(deployments, counted * BYTES_PER_TOKEN // FEWEST_BYTES_PER_TOKEN + limit)
    return {one.id: _too_long(one, counted, limit) for one in about}


def _above(deployments: Sequence[Deployment], tokens: int) -> list[Deployment]:
    return [one for one in deployments if one.context_window is not None and tokens > one.context_window]


def _too_long(deployment: Deployment, counted: int, limit: int) -> Rejection:
    answer = f" and up to {limit} of answer" if limit else ""
    reason = f"its context window has {deployment.context_window} tokens, for about {counted} of input{answer}"
    return Rejection(deployment.id, reason, Kind.CONTEXT)


def count_input(chat: ChatRequest) -> int:
    """Tokens of the words alone: what is written with escapes, or is a picture, is shorter for the model than for us.

    Never more than `chat.input_tokens`, so that is looked at first.
    """
    size = sum(len(text) if text.isascii() else len(text.encode("utf-8", "replace")) for text in words(chat.body))
    return min(size // BYTES_PER_TOKEN, chat.input_tokens)
