"""No stream crashes a decoder, whatever its bytes: mutations of good streams, within a bounded time."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import Fuzzed, fuzzed, seeds, try_out

WAYS = tuple(fuzzed())
SECONDS = 5
"""For the coverage-guided fuzzer, all ways together."""
ROOT = Path(__file__).parents[2]
WORDS = (
    b"null", b"0", b"-1", b"1e999", b'""', b"[]", b"{}", b"true", b"[[[[", b'"\\ud800"', b"\n\n", b"\r", b"data: ",
    b"event: ", b"\xff", b"\x00", b"data: [DONE]\n\n", b"data: {}\n\n", b"data: []\n\n", b"data: 7\n\n", b"[null]",
)  # fmt: skip


@st.composite
def broken(draw: st.DrawFn, one: Fuzzed) -> bytes:
    """A good stream with some of its bytes replaced by others."""
    data = draw(st.sampled_from(seeds(one.upstream)))
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(data)))
        end = min(len(data), begin + draw(st.integers(0, 12)))
        data = data[:begin] + draw(st.sampled_from(WORDS) | st.binary(max_size=6)) + data[end:]
    return data


@pytest.mark.parametrize("one", WAYS, ids=lambda one: one.name)
def test_a_broken_stream_is_an_answer_or_an_error_of_the_upstreams(one: Fuzzed) -> None:
    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    @given(broken(one), st.lists(st.integers(0, 4096), max_size=6))
    def try_all(data: bytes, cuts: list[int]) -> None:
        try_out(one, data, cuts)

    try_all()


@pytest.mark.parametrize("one", WAYS, ids=lambda one: one.name)
def test_a_value_of_another_type_anywhere_is_no_crash(one: Fuzzed) -> None:
    """What fuzzers find last: each value of a good stream in turn replaced by one of another type."""
    if one.upstream.family == "bedrock":
        pytest.skip("its frames have checksums: a value that is changed in place is no frame any more")
    for seed in seeds(one.upstream)[3:4]:
        for at, mark in enumerate(seed):
            if mark == ord(":") and seed[at + 1 : at + 2] in b' "':
                end = min((seed.find(stop, at) for stop in (b",", b"}", b"\n") if seed.find(stop, at) > 0), default=at)
                for word in (b"null", b"7", b"[1]"):
                    try_out(one, seed[: at + 1] + word + seed[end:])


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris has no wheel for this Python")
def test_the_coverage_guided_fuzzer_finds_nothing(tmp_path: Path) -> None:
    """In a process of its own: it instruments what it imports, and ends it when its time is over."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.guided", str(SECONDS), str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS + 60,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Done" in done.stderr, done.stderr[-3000:]
