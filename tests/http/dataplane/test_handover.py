"""Two planes on one port: a connection changes hands as often as its requests do, and nothing is lost on the way."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

from gateway.door import Request, Responder
from gateway.http.dataplane.handover import Borders
from tests.http.dataplane.rig import (
    BODY,
    CHAT,
    Answers,
    Both,
    Line,
    echo,
    eventually,
    fake_plane,
    request,
    run,
    serving,
)

ADMIN = b"GET /admin/v1/keys HTTP/1.1\r\nhost: x\r\n\r\n"
UPLOAD = request(path="/admin/v1/keys", body=b"12345")
CHUNKED = b"POST /admin/v1/keys HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n"


class Wire:
    """A caller's connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        data = await self.reader.readuntil(b"\r\n\r\n")
        lines = data.decode().lower().split("\r\n")
        length = next((int(line[16:]) for line in lines if line.startswith("content-length: ")), 0)
        return Answers(data + await self.reader.readexactly(length)).next()

    async def ask(self, data: bytes) -> tuple[int, dict[str, str], bytes]:
        self.writer.write(data)
        return await self.answer()


def talk(scene: Callable[[Both, Wire], Awaitable[None]]) -> None:
    """Run a scene on one connection; afterwards nothing is left of it on either side."""

    async def main() -> None:
        async with serving() as both:
            reader, writer = await asyncio.open_connection("127.0.0.1", both.port)
            try:
                await scene(both, Wire(reader, writer))
            finally:
                writer.close()
            await eventually(lambda: not both.plane._plane.connections and not both.runner.server.connections)  # type: ignore[union-attr]
            await eventually(lambda: len(asyncio.all_tasks()) == 1)

    run(main())


def is_admin(answer: tuple[int, dict[str, str], bytes]) -> bool:
    return answer[0] == 200 and "admin" in orjson.loads(answer[2])


def is_chat(answer: tuple[int, dict[str, str], bytes]) -> bool:
    return answer[0] == 200 and orjson.loads(answer[2])["body"] == BODY.decode()


def test_one_connection_changes_hands_fifty_times() -> None:
    async def scene(both: Both, wire: Wire) -> None:
        ours = 0
        for n in range(25):
            assert is_admin(await wire.ask(UPLOAD if n % 3 else ADMIN))
            answer = await wire.ask(request())
            assert is_chat(answer)
            ours += len(both.plane._plane.connections)
        assert ours == 25, "each chat was served by the data plane"

    talk(scene)


def test_a_connection_that_nobody_can_follow_stays_with_aiohttp_which_serves_it_too() -> None:
    async def scene(both: Both, wire: Wire) -> None:
        for _ in range(5):
            assert is_admin(await wire.ask(CHUNKED))
            assert is_chat(await wire.ask(request()))
            assert not both.plane._plane.connections

    talk(scene)


@pytest.mark.parametrize("step", [1, 3, 7, 50, 10_000])
def test_pipelined_requests_of_both_kinds_are_answered_in_order(step: int) -> None:
    async def scene(both: Both, wire: Wire) -> None:
        async def slowly(request: Request, responder: Responder) -> None:
            await asyncio.sleep(0.002)
            await echo(request, responder)

        both.pipeline.answer = slowly
        kinds = [request(), ADMIN, request(), request(), UPLOAD, ADMIN, request(), CHUNKED, ADMIN, request()]
        data = b"".join(kinds)
        for at in range(0, len(data), step):
            wire.writer.write(data[at : at + step])
            await wire.writer.drain()
            await asyncio.sleep(0)
        for kind in kinds:
            answer = await wire.answer()
            assert is_chat(answer) if CHAT.encode() in kind else is_admin(answer)

    talk(scene)


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01 hello\r\n\r\n",
        b"GET /v1/chat/completions HTTP/1.1\r\nhost: x\r\n\r\n",
        b"post /v1/chat/completions HTTP/1.1\r\nhost: x\r\n\r\n",
        b"POST /v1/chat/completions/ HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n",
        b"POST /v1/chat%2Fcompletions HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n",
        b"POST http://x/v1/models HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n",
        b"POST /providers/a%20b/v1/models HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n",
        b"OPTIONS /v1/chat/completions HTTP/1.1\r\nhost: x\r\norigin: y\r\naccess-control-request-method: POST\r\n\r\n",
        b"\r\n\r\nGET /admin/v1/keys HTTP/1.1\r\nhost: x\r\n\r\n",
        b"PO",
        b"POST /v1/chat/completions",
    ],
)
def test_what_is_not_literally_ours_gets_aiohttps_answer(data: bytes) -> None:
    async def main() -> None:
        async with serving() as both:
            seen = []
            for port in (both.port, both.oracle_port):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(data)
                if b"\r\n" not in data:
                    writer.write_eof()
                seen.append(
                    (await reader.read(100_000)).split(b"\r\n")[0] if b"\r\n" not in data else await reader.readline()
                )
                writer.close()
            assert seen[0] == seen[1]

    run(main())


def test_a_path_that_has_to_be_decoded_is_aiohttps() -> None:
    async def scene(both: Both, wire: Wire) -> None:
        answer = await wire.ask(request(path="/providers/a%20b/v1/chat/completions"))
        assert orjson.loads(answer[2])["provider"] == "a b"
        assert not both.plane._plane.connections

    talk(scene)


def test_a_caller_who_leaves_after_a_handover_is_seen_by_aiohttp() -> None:
    async def scene(both: Both, wire: Wire) -> None:
        assert is_admin(await wire.ask(CHUNKED))
        both.pipeline.answer = forever
        wire.writer.write(request())
        await eventually(lambda: both.state.liveness.in_flight == 1)
        wire.writer.close()
        await eventually(lambda: both.pipeline.cancelled == 1)

    async def forever(request: Request, responder: Responder) -> None:
        await asyncio.Event().wait()

    talk(scene)


def test_a_connection_given_away_while_its_caller_is_slow_stays_consistent() -> None:
    """aiohttp's handler asserts that pauses and resumptions alternate."""

    async def main() -> None:
        plane = fake_plane()
        line = Line(plane)
        line.protocol.pause_writing()
        line.hear(ADMIN)
        assert line.transport.protocol is None
        line.protocol.resume_writing()
        handler: Any = line.transport.protocol
        assert handler is not None
        handler.pause_writing()
        handler.resume_writing()
        handler.connection_lost(None)
        await asyncio.sleep(0)

    run(main())


def test_borders_are_known_only_where_they_are_certain() -> None:
    def follow(*pieces: bytes) -> bool:
        borders = Borders()
        for piece in pieces:
            borders.feed(piece)
        return borders.at_border

    assert follow(ADMIN)
    assert follow(ADMIN, ADMIN + UPLOAD)
    assert follow(*[bytes([byte]) for byte in ADMIN + UPLOAD + ADMIN])
    assert not follow(ADMIN[:-1])
    assert not follow(UPLOAD[:-1])
    assert not follow(CHUNKED, ADMIN)
    assert not follow(ADMIN.replace(b"host", b"connection: close\r\nhost"))
    assert not follow(ADMIN.replace(b"host", b"upgrade: websocket\r\nhost"))
    assert not follow(UPLOAD.replace(b"content-length: 5", b"content-length: 5\r\ncontent-length: 5"))
    assert not follow(UPLOAD.replace(b"content-length: 5", b"content-length:\t 0x5"))
    assert not follow(UPLOAD.replace(b"content-length: 5", b"content-length : 5"))
    assert not follow(b"x" * 40_000)
