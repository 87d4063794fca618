"""Recorded exchanges, played to the adapters: each says what an independent reading of the provider's format says."""

import pytest

from tests.replay.comparing import differences, is_played
from tests.replay.explained import EXPLAINED
from tests.replay.product import adapter_of
from tests.replay.recordings import Recording


def test_the_product_reads_what_the_provider_said(recording: Recording) -> None:
    adapter = adapter_of(recording)
    if not is_played(recording, adapter):
        pytest.skip("no caller of ours gets an answer in this format from this provider")
    found = differences(recording, adapter)
    if recording.id in EXPLAINED:
        assert found, f"{recording.id} passes: take it out of tests/replay/explained.py"
        pytest.xfail(EXPLAINED[recording.id])
    assert not found
