"""One connection on a fake transport: what goes in, what comes out, and who is told to stop."""

import asyncio
import gzip
from collections.abc import Callable, Coroutine
from typing import Any

import orjson
import pytest

from gateway.door import Request, Responder
from gateway.errors import Unavailable
from gateway.http.dataplane.server import DataPlaneServer
from gateway.http.state import HttpState
from tests.http.dataplane.rig import (
    BODY,
    CHAT,
    KEY,
    LIMIT,
    ORIGIN,
    SLOW_KEY,
    UNKNOWN_KEY,
    Answers,
    Keys,
    Line,
    chunked,
    echo,
    error_code,
    eventually,
    fake_plane,
    make_state,
    pipeline_of,
    refused,
    request,
    run,
    settle,
)

Scene = Callable[[DataPlaneServer, HttpState], Coroutine[Any, Any, None]]


def play(scene: Scene) -> None:
    """Run a scene; afterwards nothing is in flight and no task is left."""

    async def main() -> None:
        state = make_state()
        plane = fake_plane(state)
        await scene(plane, state)
        await plane.close()
        await settle()
        assert state.liveness.in_flight == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main())


class Held:
    """A pipeline step that waits for the test."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.entered = 0

    async def __call__(self, request: Request, responder: Responder) -> None:
        self.entered += 1
        await self.go.wait()
        await echo(request, responder)


async def ask(plane: DataPlaneServer, data: bytes) -> list[tuple[int, dict[str, str], bytes]]:
    line = Line(plane)
    line.hear(data)
    await settle()
    line.lose()
    return Answers(line.transport.sent).all()


# Plain requests


def test_a_request_is_answered_in_one_write() -> None:
    async def scene(plane: DataPlaneServer, state: HttpState) -> None:
        line = Line(plane)
        line.hear(request("x-request-id: mine"))
        await settle()
        assert len(line.transport.writes) == 1
        status, headers, body = Answers(line.transport.sent).next()
        assert (status, headers["server"], headers["x-request-id"]) == (200, "headrace", "mine")
        assert "connection" not in headers
        assert orjson.loads(body) == {"path": CHAT, "provider": None, "body": BODY.decode()}
        seen = pipeline_of(state).seen[0]
        assert (seen.method, seen.path, seen.principal.key_id) == ("POST", CHAT, "key_1")
        assert (seen.headers["Content-Type"], seen.headers.get("x-absent")) == ("application/json", None)
        assert not line.transport.closed

    play(scene)


@pytest.mark.parametrize(
    ("path", "provider"),
    [
        ("/openai/v1/chat/completions", None),
        ("/api/v1/chat/completions?x=1", None),
        ("/providers/alpha-1.b/v1/chat/completions", "alpha-1.b"),
    ],
)
def test_each_prefix_is_a_way_in(path: str, provider: str | None) -> None:
    async def scene(plane: DataPlaneServer, state: HttpState) -> None:
        (answer,) = await ask(plane, request(path=path))
        assert orjson.loads(answer[2]) == {"path": path.split("?")[0], "provider": provider, "body": BODY.decode()}

    play(scene)


def test_a_request_cut_at_every_byte_is_answered_the_same() -> None:
    async def scene(plane: DataPlaneServer, state: HttpState) -> None:
        data = request("x-request-id: mine")
        for place in range(1, len(data)):
            line = Line(plane)
            line.hear(data[:place])
            await settle(1)
            line.hear(data[place:])
            await settle(3)
            assert Answers(line.transport.sent).next()[2].count(b"messages") == 1, place
            line.lose()

    play(scene)


def test_bodies_are_decoded_and_bounded_after_decoding() -> None:
    async def scene(plane: DataPlaneServer, state: HttpState) -> None:
        (good,) = await ask(plane, request("content-encoding: gzip", body=gzip.compress(BODY)))
        assert orjson.loads(good[2])["body"] == BODY.decode()
        (bomb,) = await ask(plane, request("content-encoding: gzip", body=gzip.compress(b" " * (LIMIT + 1))))
        assert (bomb[0], error_code(bomb[2])) == (413, "request_too_large")
        (broken,) = await ask(plane, request("content-encoding: gzip", body=b"no gzip"))
        assert broken[0] == 400
        (unknown,) = await ask(plane, request("content-encoding: br"))
        assert (unknown[0], error_code(unknown[2])) == (415, "unsupported_content_encoding")

    play(scene)


def test_a_browser_of_an_allowed_origin_may_read_the_answer() -> None:
    async def scene(plane: DataPlaneServer, state: HttpState) -> None:
        (good,) = await ask(plane, request(f"origin: {ORIGIN}"))
        assert good[1]["access-control-allow-origin"] == ORIGIN
        (told,) = await ask(plane, request(f"origin: {ORIGIN}", key="hr-wrong"))
        assert told[1]["access-control-allow-origin"] == ORIGIN
        (other,) = await ask(plane, request("origin: https://elsewhere.example"))
        assert "access-control-allow-origin" not in other[1]

    play(scene)


# Refusals


def test_no_key_is_401_before_the_body_and_the_connection_goes_on() -> None:
    async def scene(plane: DataPlaneServer, state: HttpState) -> None:
        data = request(key=None)
        line = Line(plane)
        line.hear(data[:-10])
        status, headers, body = Answers(line.transport.sent).next()
        assert (status, error_code(body)) == (401, "invalid_api_key")
        assert headers["www-authenticate"] == "Bearer"
        assert headers["x-should-retry"] == "false"
        assert headers["x-request-id"] == headers["request-id"]
        line.hear(data[-10:] + request())
        await settle()
        assert [answer[0] for answer in Answers(line.transport.sent).all()] == [401, 200]

    play(scene)


def test_a_refused_request_with_much_to_come_ends_the_connection() -> None:
    async def scene(plane: DataPlaneServer, state: HttpState) -> None:
        for lines in (["content-length: 500000"], ["transfer-encoding: chunked"], ["expect: 100-continue"]):
            line = Line(plane)
            line.hear(request(*lines, key="hr-wrong", body=b"1" if "expect" not in lines[0] else BODY)[:-1])
            status, headers, _ = Answers(line.transport.sent).next()
            assert (status, headers["connection"]) == (401, "close"), lines
            assert line.transport.eof
            line.hear(b"x" * 1000)
            line.hear(request())
            await settle()
            assert len(Answers(line.transport.sent).all()) == 1
            line.lose()
        assert not pipeline_of(state).seen

    play(scene)


def test_a_large_body_is_413_before_it_comes() -> None:
    async def scene(plane: DataPlaneServer, state: HttpState) -> None:
        (answer,) = await ask(plane, request(f"content-length: {LIMIT + 1}", body=b""))
        assert (answer[0], error_code(answer[2]), answer[1]["connection"]) == (413, "request_too_large", "close")

    play(scene)


def test_what_the_key_says_comes_first() -> None:
    async def scene(plane: DataPlaneServer, state: HttpState) -> None:
        lines = [f"content-length: {LIMIT + 1}", "content-encoding: br"]
        (answer,) = await ask(plane, request(*lines, key="hr-wrong", body=b""))
        assert answer[0] == 401

    play(scene)


def test_two_authorizations_are_400() -> None:
    async def scene(plane: DataPlaneServer, state: HttpState) -> None:
        (answer,) = await ask(plane, request("authorization: Bearer hr-other"))
        assert (answer[0], orjson.loads(answer[2])["error"]["param"]) == (400, "authorization")

    play(scene)


def test_a_broken_head_is_400_and_closed_and_a_long_one_431() -> None:
    async def scene(plane: DataPlaneServer, state: HttpState) -> None:
        for data, status, code in (
            (request("a b: c"), 400, "invalid_request"),
            (request("x-y: " + "z" * 40_000), 431, "headers_too_large"),
            (request()[:60] + b"z" * 40_000, 431, "headers_too_large"),
        ):
            line = Line(plane)
            line.hear(data)
            answer = Answers(line.transport.sent).next()
            assert (answer[0], error_code(answer[2]), answer[1]["connection"]) == (status, code, "close")
            assert answer[1]["x-request-id"].startswith("req-")
            assert line.transport.eof
            line.lose()

    play(scene)


def test_a_body_that_breaks_is_400_after_the_head_was_good() -> None:
    async def scene(plane: DataPlaneServer, state: HttpState) -> None:
        for key in (KEY, SLOW_KEY):
            line = Line(plane)
            line.hear(request("transfer-encoding: chunked", body=b"zz\r\n", key=key))
            status, headers, _ = Answers(line.transport.sent).next()
            assert (status, headers["connection"]) == (400, "close")
            line.lose()
        assert not pipeline_of(state).seen

    play(scene)


def test_what_the_pipeline_refuses_is_told_with_its_headers() -> None:
    async def scene(plane: DataPlaneServer, state: HttpState) -> None:
        pipeline_of(state).answer = refused(Unavailable("later", code="overloaded", retry_after_s=7))
        (answer,) = await ask(plane, request())
        assert (answer[0], answer[1]["retry-after"], answer[1]["x-should-retry"]) == (503, "7", "true")

    play(scene)


def test_our_own_fault_is_500_or_a_broken_connection() -> None:
    async def scene(plane: DataPlaneServer, state: HttpState) -> None:
        async def fail(request: Request, responder: Responder) -> None:
            raise ZeroDivisionError

        async def fail_late(request: Request, responder: Responder) -> None:
            responder.start(200, {})
            responder.write(b"x")
            responder.flush()
            raise ZeroDivisionError

        pipeline_of(state).answer = fail
        (answer,) = await ask(plane, request())
        assert (answer[0], error_code(answer[2])) == (500, "internal_error")
        pipeline_of(state).answer = fail_late
        line = Line(plane)
        line.hear(request())
        await settle()
        assert line.transport.aborted
        line.lose()

    play(scene)


# Keys that have to be asked after


def test_a_key_that_must_be_looked_up_is_waited_for_whatever_comes_meanwhile() -> None:
    async def scene(plane: DataPlaneServer, state: HttpState) -> None:
        data = request(key=SLOW_KEY)
        for place in (len(data), len(data) - 10):
            line = Line(plane)
            line.hear(data[:place])
            await settle()
            line.hear(data[place:])
            line.hear(request())
            await eventually(lambda line=line: line.transport.sent.count(b"HTTP/1.1 200") == 2)
            line.lose()
        line = Line(plane)
        line.hear(data[:-10])
        await asyncio.sleep(2 * Keys.lookup_s)
        assert not line.transport.sent
        line.hear(data[-10:])
        await settle()
        assert Answers(line.transport.sent).next()[0] == 200
        line = Line(plane)
        line.hear(request(key=UNKNOWN_KEY)[:-10])
        await eventually(lambda: line.transport.sent)
        assert Answers(line.transport.sent).next()[0] == 401

    play(scene)


@pytest.mark.parametrize("key", [KEY, SLOW_KEY])
def test_continue_is_said_when_the_key_is_good(key: str) -> None:
    async def scene(plane: DataPlaneServer, state: HttpState) -> None:
        head, _, body = request("Expect: 100-Continue", key=key).partition(b"\r\n\r\n")
        line = Line(plane)
        line.hear(head + b"\r\n\r\n")
        await eventually(lambda: line.transport.sent)
        assert line.transport.sent == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.hear(body)
        await settle()
        assert [answer[0] for answer in Answers(line.transport.sent).all()] == [100, 200]

    play(scene)


def test_continue_is_not_said_to_who_did_not_wait_or_speaks_http_1_0() -> None:
    async def scene(plane: DataPlaneServer, state: HttpState) -> None:
        for data in (request("expect: 100-continue", version="1.0"), request("expect: something-else")):
            (answer,) = await ask(plane, data)
            assert answer[0] == 200

    play(scene)


# Keep-alive


def test_close_and_http_1_0_end_the_connection_after_the_answer() -> None:
    async def scene(plane: DataPlaneServer, state: HttpState) -> None:
        for data, said in (
            (request("connection: close"), "close"),
            (request("connection: Foo, CLOSE"), "close"),
            (request(version="1.0"), "close"),
            (request("connection: keep-alive", version="1.0"), "keep-alive"),
        ):
            line = Line(plane)
            line.hear(data)
            await settle()
            assert Answers(line.transport.sent).next()[1]["connection"] == said
            assert line.transport.closed == (said == "close")
            line.lose()

    play(scene)


def test_an_upgrade_is_passed_over() -> None:
    async def scene(plane: DataPlaneServer, state: HttpState) -> None:
        h2c = request("upgrade: h2c", "http2-settings: AAMAAABk", "connection: upgrade, http2-settings")
        answers = await ask(plane, h2c + request() + h2c)
        assert [answer[0] for answer in answers] == [200] * 3
        assert {orjson.loads(answer[2])["body"] for answer in answers} == {BODY.decode()}

    play(scene)


# Pipelining


def test_pipelined_requests_are_answered_in_order_one_at_a_time() -> None:
    async def scene(plane: DataPlaneServer, state: HttpState) -> None:
        held = pipeline_of(state).answer = Held()
        line = Line(plane)
        kinds = [request(f"x-request-id: r{n}") for n in range(3)]
        kinds.append(request("x-request-id: r3", "transfer-encoding: chunked", body=chunked(BODY)))
        kinds.append(request("x-request-id: r4", key="hr-wrong"))
        kinds.append(request("x-request-id: r5"))
        line.hear(b"".join(kinds))
        await settle()
        assert held.entered == 1
        assert state.liveness.in_flight == 1
        held.go.set()
        await settle(20)
        answers = Answers(line.transport.sent).all()
        assert [answer[1]["x-request-id"] for answer in answers] == [f"r{n}" for n in range(6)]
        assert [answer[0] for answer in answers] == [200, 200, 200, 200, 401, 200]

    play(scene)


def test_a_thousand_refusals_in_one_segment_do_not_recurse() -> None:
    async def scene(plane: DataPlaneServer, state: HttpState) -> None:
        answers = await ask(plane, request(key=None, body=b"") * 1000)
        assert [answer[0] for answer in answers] == [401] * 1000

    play(scene)


def test_a_full_backlog_stops_reading_until_its_turn_comes() -> None:
    async def scene(plane: DataPlaneServer, state: HttpState) -> None:
        held = pipeline_of(state).answer = Held()
        line = Line(plane)
        line.hear(request())
        await settle()
        more, sent = request() * 20, 0
        while not line.transport.paused:
            line.hear(more)
            sent += 20
            assert sent * len(request()) < 200_000
        held.go.set()
        await settle(sent * 3)
        assert not line.transport.paused
        assert [answer[0] for answer in Answers(line.transport.sent).all()] == [200] * (sent + 1)

    play(scene)


def test_the_next_request_waits_while_the_caller_does_not_read() -> None:
    async def scene(plane: DataPlaneServer, state: HttpState) -> None:
        line = Line(plane)
        line.protocol.pause_writing()
        line.hear(request())
        await settle()
        assert not pipeline_of(state).seen
        line.protocol.resume_writing()
        await settle()
        assert Answers(line.transport.sent).next()[0] == 200

    play(scene)


# Streams


def test_a_slow_reader_holds_up_its_own_stream() -> None:
    async def scene(plane: DataPlaneServer, state: HttpState) -> None:
        line = Line(plane)

        async def stream(request: Request, responder: Responder) -> None:
            responder.start(200, {"content-type": "text/event-stream"})
            for n in range(3):
                responder.write(b"data: %d\n\n" % n)
                line.protocol.pause_writing()
                await responder.drain()
            await responder.end()

        pipeline_of(state).answer = stream
        line.hear(request())
        for n in range(1, 4):
            await settle()
            assert line.transport.sent.count(b"data:") == n
            line.protocol.resume_writing()
        await settle()
        assert Answers(line.transport.sent).next()[2] == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"

    play(scene)


# Who leaves


@pytest.mark.parametrize("how", ["lost", "eof"])
@pytest.mark.parametrize("phase", ["head", "body", "look-up", "look-up and body", "answer", "drain"])
def test_a_caller_who_leaves_stops_the_work_in_every_phase(phase: str, how: str) -> None:
    async def scene(plane: DataPlaneServer, state: HttpState) -> None:
        line = Line(plane)
        pipeline = pipeline_of(state)

        async def stuck(request: Request, responder: Responder) -> None:
            if phase == "drain":
                responder.start(200, {})
                responder.write(b"x")
                line.protocol.pause_writing()
                await responder.drain()
            await asyncio.Event().wait()

        pipeline.answer = stuck
        data = request(key=SLOW_KEY if "look-up" in phase else KEY)
        line.hear(data[: {"head": 40}.get(phase, -10 if "body" in phase else len(data))])
        await settle()
        assert len(pipeline.seen) == (phase in ("answer", "drain"))
        line.protocol.eof_received() if how == "eof" else line.lose(ConnectionResetError())
        await settle()
        assert state.liveness.in_flight == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert not line.protocol.idle or phase == "head"
        line.lose()
        line.lose()

    play(scene)


def test_a_caller_who_leaves_before_its_task_began_leaves_nothing_in_flight() -> None:
    async def scene(plane: DataPlaneServer, state: HttpState) -> None:
        line = Line(plane)
        line.hear(request())
        line.lose()
        assert state.liveness.in_flight == 0
        await settle()
        assert not pipeline_of(state).seen

    play(scene)


def test_nothing_is_written_to_who_left() -> None:
    async def scene(plane: DataPlaneServer, state: HttpState) -> None:
        line = Line(plane)

        async def deaf(request: Request, responder: Responder) -> None:
            responder.start(200, {})
            line.lose()
            responder.write(b"x")
            responder.flush()
            responder.finish()  # type: ignore[attr-defined]

        pipeline_of(state).answer = deaf
        line.hear(request())
        await settle()
        assert not line.transport.sent

    play(scene)


# The end of a worker


def test_a_drain_closes_the_idle_and_lets_the_others_finish() -> None:
    async def scene(plane: DataPlaneServer, state: HttpState) -> None:
        held = pipeline_of(state).answer = Held()
        idle, busy, begun = Line(plane), Line(plane), Line(plane)
        busy.hear(request() + request())
        begun.hear(request()[:50])
        await settle()
        plane.drain()
        assert idle.transport.closed
        assert plane.in_flight == 3  # the closed one until it is gone
        idle.lose()
        assert plane.in_flight == 2
        held.go.set()
        begun.hear(request()[50:])
        await settle()
        for line in (busy, begun):
            (answer,) = Answers(line.transport.sent).all()
            assert (answer[0], answer[1]["connection"]) == (200, "close")
            assert line.transport.closed
            line.lose()
        assert plane.in_flight == 0

    play(scene)


def test_while_the_worker_drains_an_answer_says_close() -> None:
    async def scene(plane: DataPlaneServer, state: HttpState) -> None:
        state.liveness.draining = True
        (answer,) = await ask(plane, request())
        assert answer[1]["connection"] == "close"

    play(scene)


def test_closing_ends_what_is_under_way() -> None:
    async def scene(plane: DataPlaneServer, state: HttpState) -> None:
        pipeline_of(state).answer = Held()
        line = Line(plane)
        line.hear(request())
        await settle()
        await plane.close()
        assert line.transport.aborted
        assert pipeline_of(state).cancelled == 1
        line.lose()

    play(scene)


def test_refusals_are_counted_like_those_of_the_other_door() -> None:
    async def scene(plane: DataPlaneServer, state: HttpState) -> None:
        await ask(plane, request(key=None))
        assert state.metrics.rejections.values == {("invalid_api_key",): 1}
        assert state.metrics.requests.values == {("openai_chat", "other", "", "401", "rejected"): 1}

    play(scene)
