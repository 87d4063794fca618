"""One recording against the product: each way of reading it, each way of cutting it. Gives what differs, in words."""

import random
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from backends.adapter import Adapter
from backends.errors import BackendError
from tests.replay import product
from tests.replay.readers.faults import delay, faults
from tests.replay.readers.table import Reader, read, reader_of
from tests.replay.reading import FINISHES, Choice, Reading
from tests.replay.recordings import Recording

LONGEST_BYTE_BY_BYTE = 16_384
MOST_EDGES = 80
RANDOM_CUTS = 4
LONGEST_TAIL = 16_384
_ONLY_PASSING = ("responses", "invoke_model")


def is_played(recording: Recording, adapter: Adapter) -> bool:
    """Whether there is anything to compare: an answer in a format that reaches no caller of ours proves nothing."""
    if recording.status != 200 or recording.api not in _ONLY_PASSING:
        return True
    dialect = product.own_dialect(recording)
    native = dialect is not None and adapter.speaks(dialect, product.target_of(recording))
    return native and not (recording.api == "invoke_model" and recording.stream)


def differences(recording: Recording, adapter: Adapter) -> list[str]:
    """All that is wrong; nothing, as it should be."""
    if recording.status != 200:
        return _error_differences(recording, adapter)
    expected = read(recording)
    found = _common_form(recording, adapter, expected)
    dialect = product.own_dialect(recording)
    if dialect is not None and adapter.speaks(dialect, product.target_of(recording)):
        found += [f"passing through: {each}" for each in _passing_through(recording, adapter, expected, dialect)]
    return list(dict.fromkeys(found))


def _error_differences(recording: Recording, adapter: Adapter) -> list[str]:
    text = recording.body.decode("utf-8", "replace")
    refused = adapter.parse_error(recording.status, recording.headers, recording.body)
    found = []
    expected = faults(recording.status, text)
    if product.fault_of(refused) not in expected:
        found.append(f"fault is {refused.fault}, not {' or '.join(sorted(expected))}: {recording.status} {text[:160]}")
    wait, told = delay(recording.headers, text), refused.retry_after_s
    if (wait is None) != (told is None) or (wait is not None and told is not None and not wait <= told <= wait + 1):
        found.append(f"retry after {told}, not {wait}")  # Google says the same with fractions in its message
    if refused.reply.status != recording.status:
        found.append(f"status is {refused.reply.status}, not {recording.status}")
    return found


# In the common form


def _common_form(recording: Recording, adapter: Adapter, expected: Reading) -> list[str]:
    if recording.api in _ONLY_PASSING:
        return []  # the one only passes through; the other is a way to Bedrock that the product does not go
    chat = product.chat_of(recording)
    if not recording.stream:
        try:
            reading, problems = product.fold_answer(adapter.read(chat, recording.body))
        except BackendError as error:
            return _refusal(error, expected)
        return [each.what for each in problems] + compare(expected, reading)
    found: list[str] = []
    for name, pieces in cuts(recording.body, recording.id):
        found += [f"{name}: {each}" for each in _decoded(recording, adapter, pieces, expected)]
        if found:
            return found
    return found + _truncated(recording, adapter, expected)


def _decoded(recording: Recording, adapter: Adapter, pieces: Sequence[bytes], expected: Reading) -> list[str]:
    decoder = adapter.stream_decoder(product.chat_of(recording))
    chunks: list[Any] = []
    try:
        for piece in pieces:
            chunks += decoder.feed(piece)
            if decoder.error is not None:
                raise decoder.error
        chunks += decoder.close()
    except BackendError as error:
        return _refusal(error, expected)
    reading, problems = product.fold_chunks(chunks, decoder.usage)
    if not decoder.finished:
        problems.append(product.Problem("not finished"))
    return [each.what for each in problems] + compare(expected, reading)


def _truncated(recording: Recording, adapter: Adapter, expected: Reading) -> list[str]:
    for place in _places(recording):
        decoder = adapter.stream_decoder(product.chat_of(recording))
        chunks: list[Any] = []
        try:
            chunks += decoder.feed(recording.body[:place])
            chunks += decoder.close()
        except BackendError:
            continue
        reading, _ = product.fold_chunks(chunks, decoder.usage)
        wrong = _false_whole(expected, reading)
        if wrong:
            return [f"cut off after {place} of {len(recording.body)} bytes, and told as whole: {wrong[0]}"]
    return []


def _places(recording: Recording) -> list[int]:
    """After each event but the last, and some within events."""
    dice = random.Random(recording.id)
    edges = reader_of(recording).edges(recording.body)[:-1]
    if len(edges) > MOST_EDGES:
        edges = sorted({*dice.sample(edges, MOST_EDGES - 5), *edges[-5:]})
    size = len(recording.body)
    return [*edges, *(dice.randrange(size - size // 5) for _ in range(3))]


def _false_whole(expected: Reading, reading: Reading, *, exact: bool = False) -> list[str]:
    """A cut stream may be told as whole where nothing is missing but usage and signatures."""
    lenient = expected._replace(signatures=reading.signatures, cited=reading.cited)
    return compare(lenient, reading, usage=False, exact=exact)


# Passing through


def _passing_through(recording: Recording, adapter: Adapter, expected: Reading, dialect: str) -> list[str]:
    chat = product.chat_of(recording, dialect)
    reader = reader_of(recording)
    if not recording.stream:
        try:
            answer = adapter.parse_response(chat, recording.body)
        except BackendError as error:
            return _refusal(error, expected)
        same = _usage(expected, answer.usage) + compare(expected, reader.whole(answer.body), exact=True)
        tail = _usage(expected, adapter.usage_in(recording.body[-LONGEST_TAIL:]))
        return same + [f"from the tail of a long answer, {each}" for each in tail]
    if recording.api == "invoke_model":  # frames on the way in, events on the way out
        return []
    found: list[str] = []
    for name, pieces in cuts(recording.body, recording.id):
        found += [f"{name}: {each}" for each in _relayed(recording, adapter, pieces, expected, dialect)]
        if found:
            return found
    return found + _relayed_truncated(recording, adapter, expected, reader, dialect)


def _relayed(
    recording: Recording, adapter: Adapter, pieces: Sequence[bytes], expected: Reading, dialect: str
) -> list[str]:
    relay = adapter.stream_relay(product.chat_of(recording, dialect))
    passed = []
    try:
        for piece in pieces:
            passed.append(relay.feed(piece))
            if relay.error is not None:
                raise relay.error
        passed.append(relay.close())
    except BackendError as error:
        return _refusal(error, expected)
    found = _usage(expected, relay.usage)
    if relay.committed is not any(choice.text or choice.tools or choice.refusal for choice in expected.choices):
        found.append(f"committed is {relay.committed}")
    return found + compare(expected, reader_of(recording).stream(b"".join(passed)), exact=True)


def _relayed_truncated(
    recording: Recording, adapter: Adapter, expected: Reading, reader: Reader, dialect: str
) -> list[str]:
    for place in _places(recording):
        relay = adapter.stream_relay(product.chat_of(recording, dialect))
        try:
            passed = relay.feed(recording.body[:place]) + relay.close()
        except BackendError:
            continue
        wrong = _false_whole(expected, reader.stream(passed), exact=True)
        if wrong:
            return [f"cut off after {place} of {len(recording.body)} bytes, and told as whole: {wrong[0]}"]
    return []


# Comparing


def cuts(body: bytes, seed: str) -> Iterator[tuple[str, list[bytes]]]:
    """The body whole, at random places, and byte by byte where it is short."""
    yield "whole", [body]
    dice = random.Random(seed)
    for number in range(RANDOM_CUTS):
        places = sorted({0, len(body), *(dice.randrange(len(body) + 1) for _ in range(4**number))})
        yield f"random cuts {number}", [body[a:b] for a, b in pairwise(places)]
    if len(body) <= LONGEST_BYTE_BY_BYTE:
        yield "byte by byte", [body[at : at + 1] for at in range(len(body))]


def _refusal(error: BackendError, expected: Reading) -> list[str]:
    if not expected.faults:
        return [f"an answer was taken for an error: {error!r}"]
    if product.fault_of(error) not in expected.faults:
        return [f"fault is {error.fault}, not {' or '.join(sorted(expected.faults))} ({error!r})"]
    return []


def _usage(expected: Reading, usage: Any) -> list[str]:
    said = None if usage is None else tuple(usage)
    wanted = [tuple(each) for each in expected.usages]
    if (said is None and not wanted) or said in wanted:
        return []
    return [f"usage is {said}, not {wanted[:2] or None}"]


def compare(expected: Reading, reading: Reading, *, usage: bool = True, exact: bool = False) -> list[str]:
    """What of the expected reading is not in the other. `exact`: both are readings of the provider's own bytes."""
    if expected.faults and not expected.answer_will_do:
        return ["an error was taken for an answer"]
    found = []
    if len(expected.choices) != len(reading.choices):
        found.append(f"{len(reading.choices)} choices, not {len(expected.choices)}")
    for wanted, choice in zip(expected.choices, reading.choices, strict=False):
        found += _compare_choice(wanted, choice, exact=exact)
    if usage:
        found += _usage(expected, reading.usages[0] if reading.usages else None)
    if expected.signatures != reading.signatures:
        lost, new = expected.signatures - reading.signatures, reading.signatures - expected.signatures
        found.append(f"signatures: {len(lost)} of {len(expected.signatures)} are lost, {len(new)} are new")
    if expected.cited and not reading.cited:
        found.append("citations are lost")
    return found


def _compare_choice(expected: Choice, choice: Choice, *, exact: bool) -> list[str]:
    found = [
        f"{name} is {getattr(choice, name)[-80:]!r}, not {getattr(expected, name)[-80:]!r}"
        for name in ("text", "reasoning", "refusal")
        if getattr(choice, name) != getattr(expected, name)
        # A provider that refuses without a word of its own: what the product says in its place is its own affair.
        and not (name == "refusal" and not expected.refusal and expected.finish == "content_filter")
    ]
    # Who speaks OpenAI's protocol says `stop` after a call that was asked for by name, or always.
    called = bool(expected.tools) and not exact and (expected.finish, choice.finish) == ("stop", "tool_calls")
    if expected.finish != choice.finish and not called:
        found.append(f"finish is {choice.finish!r}, not {expected.finish!r}")
    if not exact and choice.finish not in FINISHES:
        found.append(f"finish {choice.finish!r} is none of the common form's")
    wanted, given = list(expected.tools), list(choice.tools)
    if [tool[1:] for tool in wanted] != [tool[1:] for tool in given]:
        found.append(f"tools are {given!r}, not {wanted!r}"[:300])
    elif not exact:
        ids = [tool.id for tool in given]
        if any(tool.id is not None and tool.id != id_ for tool, id_ in zip(wanted, ids, strict=True)):
            found.append(f"tool ids are {ids}, not {[tool.id for tool in wanted]}")
        if any(tool.id is None for tool in given) or len(set(ids)) != len(ids):
            found.append(f"tool ids are missing or not unique: {ids}")
    return found
