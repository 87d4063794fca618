"""A connection whose caller says the same again: read without a parser, and answered as if it had been parsed."""

import asyncio
from typing import cast

import orjson
import pytest

from gateway.auth.keys import digest
from gateway.auth.principal import Principal
from gateway.errors import Unauthorized
from gateway.http.state import HttpState
from tests.http.dataplane.rig import (
    BODY,
    LIMIT,
    SLOW_KEY,
    Answers,
    Keys,
    Line,
    chunked,
    eventually,
    fake_plane,
    make_state,
    pipeline_of,
    request,
    run,
    settle,
)

HEADERS = ("X-Request-Id: mine", "x-headrace-tags: a=b", "accept: */*")


def converse(*requests: bytes, state: HttpState | None = None) -> list[tuple[int, dict[str, str], bytes]]:
    """The answers to these on one connection, each asked when the last one is answered."""

    async def main() -> list[tuple[int, dict[str, str], bytes]]:
        line = Line(fake_plane(state))
        for data in requests:
            line.hear(data)
            await settle()
        line.lose()
        return Answers(line.transport.sent).all()

    return run(main())


@pytest.mark.parametrize(
    "asked",
    [
        request(*HEADERS, body=BODY * 3),
        request(*HEADERS, body=b""),
        request(*HEADERS, body=b"\r\n\r\n"),
        request(*HEADERS, path="/v1/chat/completions?x=1"),
        request(*HEADERS, path="/providers/p/v1/chat/completions"),
        request(*HEADERS, "content-encoding: br"),
        request(*HEADERS, key="hr-bad"),
        request(*HEADERS, version="1.0"),
        request(*HEADERS, "connection: close"),
        request(*HEADERS, "transfer-encoding: chunked", body=chunked(BODY)),
        request(*HEADERS).replace(b"application/json", b"text/plain; pa=x"),
        request(*HEADERS).replace(b"content-length: 6", b"content-length: +6"),
        request(*HEADERS).replace(b"content-length: ", b"content-length: 0"),
        request(*HEADERS) + request(),
        request(*HEADERS, "content-length: 99999999", body=b""),
    ],
)
def test_what_follows_a_known_head_is_answered_as_on_a_new_connection(asked: bytes) -> None:
    *first, second = (request(*HEADERS), request(*HEADERS), asked)
    alone, after = converse(asked), converse(*first, second)[2:]
    for answers in (alone, after):
        for _, headers, _ in answers:
            headers.pop("date")
            if headers["x-request-id"] != "mine":
                headers.pop("x-request-id")
                headers.pop("request-id", None)
    assert [(status, headers) for status, headers, _ in after] == [(status, headers) for status, headers, _ in alone]
    assert [body for *_, body in after] == [body for *_, body in alone]


def test_the_pipeline_sees_the_same_request() -> None:
    state = make_state()
    converse(request(*HEADERS), request(*HEADERS, body=b"{}"), state=state)
    first, second = pipeline_of(state).seen
    assert second.body == b"{}"
    assert second._replace(body=first.body, headers={}, started_at=0) == first._replace(headers={}, started_at=0)
    assert {**second.headers, "content-length": ""} == {**first.headers, "content-length": ""}
    assert second.headers["content-length"] == "2"


def test_a_request_without_an_id_gets_its_own_each_time() -> None:
    ids = {headers["x-request-id"] for _, headers, _ in converse(*[request()] * 4)}
    assert len(ids) == 4


def test_a_key_that_is_revoked_is_refused_though_its_head_is_known_and_the_connection_goes_on() -> None:
    class Revoking(Keys):
        asked = 0

        def cached(self, secret_hash: str, peer: str | None = None) -> Principal | None:
            self.asked += 1
            if self.asked == 3:
                raise Unauthorized
            return super().cached(secret_hash, peer)

    state = make_state()
    object.__setattr__(state, "keys", Revoking())
    assert [status for status, *_ in converse(*[request()] * 5, state=state)] == [200, 200, 401, 200, 200]


def test_a_key_that_is_no_longer_remembered_is_looked_up() -> None:
    async def main() -> None:
        state = make_state()
        keys = cast("Keys", state.keys)
        line = Line(fake_plane(state))
        keys.good = digest(SLOW_KEY)
        asked = request(key=SLOW_KEY)
        for _ in range(2):
            line.hear(asked)
            await settle()
        keys.unseen = {keys.good}
        keys.good = ""
        line.hear(asked)
        await eventually(lambda: line.transport.sent.count(b"HTTP/1.1 200 OK") == 3)
        line.lose()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main())


def test_a_body_over_the_limit_is_refused_though_its_head_is_known() -> None:
    large = request(body=b"x" * (LIMIT + 1))
    assert [status for status, *_ in converse(request(), request(), large)] == [200, 200, 413]


def test_requests_that_wait_behind_a_known_one_are_answered_in_order() -> None:
    bodies = [b'{"n": %d}' % n for n in range(6)]

    async def main() -> list[bytes]:
        line = Line(fake_plane())
        for body in bodies:
            line.hear(request(body=body))
        await settle(40)
        line.lose()
        return [orjson.loads(body)["body"].encode() for *_, body in Answers(line.transport.sent).all()]

    assert run(main()) == bodies
