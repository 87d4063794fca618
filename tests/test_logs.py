"""Log lines: one per request, gathered per turn of the loop; repeated warnings are told rarely."""

import asyncio
import io

import orjson

from gateway.access_log import AccessLog
from gateway.log import OncePerMinute


def test_lines_of_one_turn_are_written_at_once() -> None:
    class Counting(io.BytesIO):
        writes = 0

        def write(self, data: bytes) -> int:
            self.writes += 1
            return super().write(data)

    async def turn() -> Counting:
        stream = Counting()
        log = AccessLog(asyncio.get_running_loop(), stream)
        for number in range(3):
            log({"request_id": f"r{number}"})
        assert stream.writes == 0
        await asyncio.sleep(0)
        return stream

    stream = asyncio.run(turn())
    assert stream.writes == 1
    assert [orjson.loads(line)["request_id"] for line in stream.getvalue().splitlines()] == ["r0", "r1", "r2"]


def test_the_same_warning_is_told_once_a_minute() -> None:
    now = [0.0]
    rarely = OncePerMinute(lambda: now[0])
    assert rarely.may_say("route a")
    assert not rarely.may_say("route a")
    assert rarely.may_say("route b")
    now[0] = 61.0
    assert rarely.may_say("route a")
