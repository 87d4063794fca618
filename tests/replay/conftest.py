"""Each recording of the folder that `--recordings` names is a test of its own."""

from pathlib import Path

import pytest

from tests.replay.recordings import read_folder

NONE = "no folder of recorded exchanges is named (--recordings DIR, or RECORDINGS)"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Whoever asks for a `recording` gets every one."""
    if "recording" not in metafunc.fixturenames:
        return
    named = metafunc.config.getoption("--recordings")
    if not named:
        metafunc.parametrize("recording", [pytest.param(None, marks=pytest.mark.skip(reason=NONE), id="none")])
        return
    folder = Path(named)
    if not folder.is_dir():
        raise pytest.UsageError(f"--recordings: {folder} is no folder")
    metafunc.parametrize("recording", list(read_folder(folder)), ids=lambda recording: recording.id)
