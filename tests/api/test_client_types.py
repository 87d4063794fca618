"""Every translated answer, by the strict reading of the types that OpenAI's own client has for it."""

from collections.abc import Iterator
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter, ValidationError

from tests.api.additions import ADDITIONS, extras, justification
from tests.api.outputs import CASES, case_name, outputs
from tests.conformance.asks import CHAT, RESPONSES

TYPES: dict[tuple[str, bool], Any] = {
    (CHAT, False): TypeAdapter(ChatCompletion),
    (CHAT, True): TypeAdapter(ChatCompletionChunk),
    (RESPONSES, False): TypeAdapter(Response),
    (RESPONSES, True): TypeAdapter(ResponseStreamEvent),
}


def read(case: tuple[str, bool]) -> Iterator[Any]:
    """Each object, as the client's type; raises AssertionError for one that is none."""
    for output in outputs(case[0], stream=case[1]):
        for part in output.objects:
            try:
                yield TYPES[case].validate_python(part, strict=True)
            except ValidationError as error:
                first = error.errors()[0]
                place = ".".join(map(str, first["loc"]))
                raise AssertionError(f"{output.name}: {place}: {first['msg']} in {str(part)[:400]}") from error


@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_every_answer_is_what_the_client_expects_and_what_it_has_besides_is_justified(case: tuple[str, bool]) -> None:
    objects = list(read(case))
    assert len(objects) > 50
    unjustified = {place for each in objects for place in extras(each) if justification(case[0], place) is None}
    assert not unjustified


def test_no_addition_is_listed_that_no_answer_has() -> None:
    """A table that grows without need hides what is new."""
    used = {(case[0], justification(case[0], place)) for case in CASES for each in read(case) for place in extras(each)}
    listed = {(dialect, known) for dialect, table in ADDITIONS.items() for known in table}
    assert listed - used == set()
