"""What an upstream signed comes back to it, whoever its caller is."""

import pytest

from tests.conformance.cells import dialects_spoken
from tests.replay import invented
from tests.replay.readers.table import read
from tests.replay.recordings import Recording
from tests.replay.returning import lost_on_return

DIALECTS = dialects_spoken()
SIGNED = {recording.id: recording for recording in invented.answers() if read(recording).signatures}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", SIGNED)
def test_signed_reasoning_comes_back(name: str, dialect: str) -> None:
    assert not lost_on_return(SIGNED[name], DIALECTS[dialect])


def test_recorded_signatures_come_back(recording: Recording) -> None:
    if recording.status == 200:
        assert not {name: found for name, each in DIALECTS.items() if (found := lost_on_return(recording, each))}
