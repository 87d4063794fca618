"""Answers of every protocol, told to callers of every dialect."""

import pytest

from tests.conformance.cells import dialects_spoken
from tests.replay import invented
from tests.replay.explained import EXPLAINED
from tests.replay.recordings import Recording
from tests.replay.speaking import told_differently

DIALECTS = dialects_spoken()
ANSWERS = {recording.id: recording for recording in invented.answers()}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", ANSWERS)
def test_a_caller_hears_what_an_upstream_says(name: str, dialect: str) -> None:
    assert not told_differently(ANSWERS[name], DIALECTS[dialect])


def test_a_caller_of_any_dialect_hears_what_was_recorded(recording: Recording) -> None:
    if recording.status == 200 and recording.id not in EXPLAINED:
        assert not {name: found for name, each in DIALECTS.items() if (found := told_differently(recording, each))}
