"""Every translated answer, against OpenAI's own description of its API (`--openapi FILE`, or OPENAPI)."""

from pathlib import Path

import pytest

from tests.api.description import Description
from tests.api.outputs import CASES, case_name, outputs
from tests.conformance.asks import CHAT, RESPONSES

SCHEMAS = {
    (CHAT, False): "CreateChatCompletionResponse",
    (CHAT, True): "CreateChatCompletionStreamResponse",
    (RESPONSES, False): "Response",
    (RESPONSES, True): "ResponseStreamEvent",
}

DESCRIBED_WRONGLY = frozenset(
    {
        "ResponseCreatedEvent $.response.usage: None is not of type 'object'",
        "ResponseInProgressEvent $.response.usage: None is not of type 'object'",
    }
)
"""Where OpenAI's own answers are not as its description has them, and ours are as OpenAI's: its documentation shows
`usage: null` while a response is in progress (https://platform.openai.com/docs/api-reference/responses-streaming)."""


@pytest.fixture(scope="module")
def described(request: pytest.FixtureRequest) -> Description:
    named = request.config.getoption("--openapi")
    if not named:
        pytest.skip("no description of OpenAI's API is named (--openapi FILE, or OPENAPI)")
    return Description(Path(named))


@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_every_answer_is_as_the_description_has_it(described: Description, case: tuple[str, bool]) -> None:
    wrong = {
        f"{fault} ({output.name})"
        for output in outputs(case[0], stream=case[1])
        for part in output.objects
        for fault in described.faults(SCHEMAS[case], part)
        if fault not in DESCRIBED_WRONGLY
    }
    assert not wrong, "\n".join(sorted(wrong))


def test_a_fault_is_found(described: Description) -> None:
    assert list(described.faults("CreateChatCompletionResponse", {"id": 1}))
    assert list(described.faults("ResponseStreamEvent", {"type": "response.output_text.delta", "delta": "x"}))
