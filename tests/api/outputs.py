"""Everything that callers get for what the conformance matrix has upstreams say, where it was translated for them."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.conformance.answers import ANSWERS
from tests.conformance.asks import CHAT, RESPONSES
from tests.conformance.asks_messages import asked
from tests.conformance.cells import answered, family_of, passes_through
from tests.conformance.upstream_table import UPSTREAMS
from tests.replay.readers.framing import sse_objects


class Output(NamedTuple):
    """What a caller got, as objects: the answer, or its events."""

    dialect: str
    name: str
    stream: bool
    objects: tuple[Any, ...]


def outputs(dialect: str, *, stream: bool) -> Iterator[Output]:
    """Of each protocol and each thing said; what passes through unchanged is the provider's own affair."""
    for upstream in UPSTREAMS:
        if passes_through(dialect, upstream):
            continue
        for answer in ANSWERS:
            if family_of(dialect, upstream) not in answer.families or dialect not in answer.dialects:
                continue
            body = {**asked()[dialect], **answer.asks.get(dialect, {})}
            raw = answered(dialect, upstream, answer.said, body, stream=stream)
            objects = sse_objects(raw) if stream else [json.loads(raw)]
            yield Output(dialect, f"{upstream.name}: {answer.name}", stream, tuple(objects))


CASES = tuple((dialect, stream) for dialect in (CHAT, RESPONSES) for stream in (False, True))


def case_name(case: tuple[str, bool]) -> str:
    """For the test's name."""
    return f"{case[0]} {'streamed' if case[1] else 'whole'}"
