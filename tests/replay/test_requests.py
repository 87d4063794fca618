"""Recorded requests, through a dialect and out through each protocol: the same is asked."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.conformance.asks import CHAT, MESSAGES, RESPONSES
from tests.conformance.cells import dialects_spoken
from tests.conformance.matrix import ASKS
from tests.conformance.upstream_table import UPSTREAMS, Upstream
from tests.replay.explained import EXPLAINED_REQUESTS
from tests.replay.recordings import Recording
from tests.replay.requests.asked import asked, result_text
from tests.replay.requests.translating import CALLERS, asks_otherwise, callers_readings, differences

_APIS: Mapping[str, str] = {dialect: api for api, (dialect, _) in CALLERS.items()}
ASKED = {
    f"{ask.name} in {dialect}": (dialect, body)
    for ask in ASKS
    for dialect, body in ask.bodies.items()
    if dialect in dialects_spoken()
}


def _recording(dialect: str, body: Mapping[str, Any]) -> Recording:
    return Recording("made-up", "made-up", _APIS[dialect], "made-up", False, "", dict(body), 200, {}, b"", {})


@pytest.mark.parametrize("name", ASKED)
def test_each_upstream_is_asked_what_the_caller_asked(name: str) -> None:
    dialect, body = ASKED[name]
    assert not asks_otherwise(_recording(dialect, body), dialects_spoken()[dialect])


def test_each_upstream_is_asked_what_was_recorded(recording: Recording) -> None:
    spoken = CALLERS.get(recording.api)
    if spoken is not None and isinstance(recording.request, dict) and recording.status == 200:
        found = asks_otherwise(recording, dialects_spoken()[spoken[0]])
        if found and recording.id in EXPLAINED_REQUESTS:
            pytest.xfail(EXPLAINED_REQUESTS[recording.id])
        assert not found


def test_the_comparison_of_requests_sees_each_kind_of_difference() -> None:
    recording = _recording(
        CHAT, {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]}
    )
    readings = callers_readings(recording)
    upstream: Upstream = UPSTREAMS[0]
    right = dict(recording.request)
    assert not differences(readings, right, upstream, ())
    for wrong in (
        {"messages": right["messages"][1:]},
        {"messages": [right["messages"][0], {"role": "user", "content": "Ho"}]},
        {"messages": [right["messages"][0], {"role": "assistant", "content": "Hi"}]},
    ):
        assert differences(readings, wrong, upstream, ())


def test_results_are_equal_however_they_are_wrapped() -> None:
    assert (
        result_text('{"a": 1}')
        == result_text([{"json": {"a": 1}}])
        == result_text([{"type": "text", "text": '{"a":1}'}])
    )
    assert json.loads(result_text({"a": 1})) == {"a": 1}
    assert asked(["a", " b"], [("user", "x "), ("user", "y")], [], {}).turns == (("user", "xy"),)
    assert {CHAT, MESSAGES, RESPONSES} == set(_APIS)
