"""Bad input, item by item: each gets its status and code at once, echoes nothing long, and harms nobody else."""

import gzip
import json
import time
import zlib
from collections.abc import Callable, Iterator

import pytest

from tests.support.caller import Answer, Caller, chat_body
from tests.support.gateway import Gateway, resident_bytes
from tests.support.upstream import Upstream

MEGABYTE = 1 << 20
QUICKLY_S = 2.0
"""Milliseconds are the promise; a busy test machine gets room. A hang, or work that grows with the input, is longer."""
LONGEST_ECHO = 2_000
CHAT = "/v1/chat/completions"


@pytest.fixture(autouse=True)
def the_worker_serves_the_next_request(gateway: Gateway, app: Caller, model: str) -> Iterator[None]:
    """After each bad request every worker is the same process as before and answers."""
    before = set(gateway.worker_pids())
    yield
    assert [app.chat(model).status for _ in range(4)] == [200] * 4
    assert set(gateway.worker_pids()) == before


def assert_refused(answer: Answer, started: float, *statuses: int, code: str | None = None) -> None:
    assert time.monotonic() - started < QUICKLY_S
    assert answer.status in statuses, (answer.status, answer.body[:500])
    assert len(answer.body) < LONGEST_ECHO
    assert answer.error["code"] == code if code else answer.error["code"]
    assert answer.headers["x-should-retry"] == "false"


def post(app: Caller, body: bytes, **headers: str) -> Answer:
    return app.post(CHAT, body, {name.replace("_", "-"): value for name, value in headers.items()})


BROKEN_JSON = {
    "nothing": b"",
    "half an object": b'{"model": "named", "messages": [',
    "text": b"hello",
    "two objects": b'{"model": "named", "messages": []}{}',
    "trailing comma": b'{"model": "named", "messages": [],}',
    "NaN": b'{"model": "named", "messages": [{"role": "user", "content": "x"}], "temperature": NaN}',
    "Infinity": b'{"model": "named", "messages": [{"role": "user", "content": "x"}], "temperature": -Infinity}',
    "not UTF-8": b'{"model": "named", "messages": [{"role": "user", "content": "\xff\xfe"}]}',
    "a lone surrogate": b'{"model": "named", "messages": [{"role": "user", "content": "\\ud800"}]}',
    "a raw control character": b'{"model": "named", "messages": [{"role": "user", "content": "a\x00b"}]}',
    "10,000 arrays deep": b'{"model": "named", "messages": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "10,000 objects deep": b'{"model": "named", "messages": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001,
    "UTF-16": '{"model": "named", "messages": []}'.encode("utf-16"),
}


@pytest.mark.parametrize("name", BROKEN_JSON)
def test_broken_json_is_400(app: Caller, name: str) -> None:
    started = time.monotonic()
    assert_refused(post(app, BROKEN_JSON[name]), started, 400, code="invalid_json")


MESSAGES = [{"role": "user", "content": "x"}]
WRONG_FIELDS: dict[str, tuple[object, str | None]] = {
    "a list": ([], None),
    "a string": ("x", None),
    "null": (None, None),
    "no model": ({"messages": MESSAGES}, "model"),
    "a number for a model": ({"model": 7, "messages": MESSAGES}, "model"),
    "an empty model": ({"model": "", "messages": MESSAGES}, "model"),
    "null for a model": ({"model": None, "messages": MESSAGES}, "model"),
    "no messages": ({"model": "named"}, "messages"),
    "messages of text": ({"model": "named", "messages": "x"}, "messages"),
    "no message": ({"model": "named", "messages": []}, "messages"),
    "a message that is text": ({"model": "named", "messages": ["x"]}, "messages"),
    "a message without a role": ({"model": "named", "messages": [{"content": "x"}]}, "messages"),
    "an unknown role": ({"model": "named", "messages": [{"role": "wizard", "content": "x"}]}, "messages"),
    "a role of the wrong type": ({"model": "named", "messages": [{"role": 1, "content": "x"}]}, "messages"),
    "content of the wrong type": ({"model": "named", "messages": [{"role": "user", "content": 7}]}, "messages"),
    "stream as text": ({"model": "named", "messages": MESSAGES, "stream": "yes"}, "stream"),
    "stream options as a list": (
        {"model": "named", "messages": MESSAGES, "stream": True, "stream_options": [1]},
        "stream_options",
    ),
    "a negative limit": ({"model": "named", "messages": MESSAGES, "max_tokens": -1}, "max_tokens"),
    "a limit as text": ({"model": "named", "messages": MESSAGES, "max_tokens": "many"}, "max_tokens"),
}


@pytest.mark.parametrize("name", WRONG_FIELDS)
def test_a_wrong_field_is_400_and_named(app: Caller, name: str) -> None:
    body, param = WRONG_FIELDS[name]
    started = time.monotonic()
    answer = post(app, json.dumps(body).encode())
    assert_refused(answer, started, 400, code="invalid_request")
    if param:
        assert answer.error["param"].startswith(param)


def test_duplicate_keys_cannot_smuggle_a_model_past_the_key(gateway: Gateway, upstream: Upstream, model: str) -> None:
    """Refused, or settled for good: what reaches an upstream must hold each name once."""
    app = gateway.caller(models=["t-*"])
    body = b'{"model": "sandbox-model", "model": "%b", "messages": [{"role": "user", "content": "x"}]}' % model.encode()
    answer = post(app, body)
    assert answer.status in (200, 400)
    if answer.status == 200:
        assert upstream.only(model).body.count(b'"model"') == 1
    else:
        assert answer.error["code"] in ("invalid_json", "invalid_request")


HOSTILE_MODELS = {
    "very long": "m" * 100_000,
    "control characters": "named\x00\x1b[31m\x7f",
    "header injection": "named\r\nx-injected: yes\r\n\r\n<script>",
    "a path": "../../etc/passwd",
    "a URL": "http://169.254.169.254/latest/meta-data",
    "provider and path": "alpha/../../admin",
    "a template": "{model.__class__} %s ${HOME}",
    "a glob": "*",
    "right-to-left": "\u202enamed",
    "a redis key": "hr:key:*",
    "dots and colons": ":::floor:nitro",
    "only a slash": "/",
}


@pytest.mark.parametrize("name", HOSTILE_MODELS)
def test_a_hostile_model_name_is_just_unknown(app: Caller, name: str) -> None:
    started = time.monotonic()
    answer = app.chat(HOSTILE_MODELS[name])
    assert time.monotonic() - started < QUICKLY_S
    if name == "provider and path":  # alpha serves any name: it may go there, as a name and never as a path
        assert answer.status in (200, 400, 404)
    else:
        assert_refused(answer, started, 400, 404)
        assert not [c for c in answer.error["message"] if ord(c) < 32 or ord(c) == 127]
    assert "x-injected" not in answer.headers


def test_a_body_over_the_limit_is_413_before_it_is_sent(app: Caller) -> None:
    started = time.monotonic()
    with app.wire() as wire:
        headers = {"authorization": f"Bearer {app.key}", "content-type": "application/json"}
        wire.request("POST", CHAT, {**headers, "content-length": str(5 * MEGABYTE)})
        assert_refused(wire.answer(), started, 413, code="request_too_large")


def test_a_chunked_body_over_the_limit_is_413(app: Caller) -> None:
    started = time.monotonic()
    with app.wire() as wire:
        headers = {"authorization": f"Bearer {app.key}", "content-type": "application/json"}
        wire.request("POST", CHAT, {**headers, "transfer-encoding": "chunked"})
        try:
            for _ in range(80):
                wire.send(b"10000\r\n" + b" " * 65_536 + b"\r\n")
        except ConnectionError:
            pass  # refused before all was sent: the answer has been received all the same
        assert_refused(wire.answer(), started, 413, code="request_too_large")


def test_a_body_at_the_limit_is_served(app: Caller, model: str) -> None:
    padding = " " * (4 * MEGABYTE - 1000)
    assert app.post(CHAT, json.dumps(chat_body(model)).encode() + padding.encode()).status == 200


def test_a_chunked_body_is_served(app: Caller, upstream: Upstream, model: str) -> None:
    body = json.dumps(chat_body(model)).encode()
    with app.wire() as wire:
        headers = {"authorization": f"Bearer {app.key}", "content-type": "application/json"}
        wire.request("POST", CHAT, {**headers, "transfer-encoding": "chunked"})
        for start in range(0, len(body), 10):
            piece = body[start : start + 10]
            wire.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        wire.send(b"0\r\n\r\n")
        assert wire.answer().status == 200
    assert upstream.only(model).json == chat_body(model)


@pytest.mark.parametrize("coding", ["gzip", "deflate bomb in gzip, twice"])
def test_a_gzip_bomb_is_413_and_never_unpacked(app: Caller, gateway: Gateway, coding: str) -> None:
    bomb = gzip.compress(b" " * (64 * MEGABYTE), 1)
    if coding != "gzip":
        bomb = gzip.compress(bomb)
    before = sum(resident_bytes(pid) for pid in gateway.worker_pids())
    started = time.monotonic()
    encoding = "gzip" if coding == "gzip" else "gzip, gzip"
    answer = post(app, bomb, content_encoding=encoding)
    if coding == "gzip":
        assert_refused(answer, started, 413, code="request_too_large")
    else:
        assert_refused(answer, started, 413, 415)
    assert sum(resident_bytes(pid) for pid in gateway.worker_pids()) - before < 32 * MEGABYTE


@pytest.mark.parametrize("body", [b"no gzip at all", gzip.compress(b"{}")[:-6], zlib.compress(b"{}")])
def test_broken_gzip_is_400(app: Caller, body: bytes) -> None:
    started = time.monotonic()
    assert_refused(post(app, body, content_encoding="gzip"), started, 400)


def test_an_unknown_content_coding_is_415(app: Caller) -> None:
    started = time.monotonic()
    answer = post(app, b"{}", content_encoding="compress")
    assert_refused(answer, started, 415, code="unsupported_content_encoding")


@pytest.mark.parametrize("media_type", ["text/plain", "multipart/form-data; boundary=x", "application/xml"])
def test_another_media_type_is_415(app: Caller, media_type: str) -> None:
    started = time.monotonic()
    answer = post(app, b"{}", content_type=media_type)
    assert_refused(answer, started, 415, code="unsupported_media_type")


def test_a_json_media_type_with_a_charset_is_served(app: Caller, model: str) -> None:
    body = json.dumps(chat_body(model)).encode()
    assert post(app, body, content_type="application/json; charset=utf-8").status == 200


RawRequest = Callable[[Caller, str], bytes]


def raw(app: Caller, model: str, *lines: str, body: bytes | None = None, version: str = "1.1") -> bytes:
    """A chat request by hand, with extra header lines."""
    data = json.dumps(chat_body(model)).encode() if body is None else body
    own = [f"host: {app.address[0]}:{app.address[1]}", "content-type: application/json"]
    head = [f"POST {CHAT} HTTP/{version}", *own, *lines]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + data


def authorization(app: Caller) -> str:
    return f"authorization: Bearer {app.key}"


def length(model: str) -> str:
    return f"content-length: {len(json.dumps(chat_body(model)))}"


BROKEN_HTTP: dict[str, tuple[RawRequest, tuple[int, ...]]] = {
    "content-length with transfer-encoding": (
        lambda app, model: raw(
            app, model, authorization(app), "content-length: 5", "transfer-encoding: chunked", body=b"0\r\n\r\n"
        ),
        (400,),
    ),
    "two content-lengths": (
        lambda app, model: raw(
            app, model, authorization(app), "content-length: 5", "content-length: 6", body=b"123456"
        ),
        (400,),
    ),
    "a negative content-length": (
        lambda app, model: raw(app, model, authorization(app), "content-length: -5", body=b""),
        (400,),
    ),
    "two different Authorization headers": (
        lambda app, model: raw(app, model, authorization(app), "authorization: Bearer hr-other", length(model)),
        (400, 401),
    ),
    "a space before the colon": (
        lambda app, model: raw(app, model, authorization(app), length(model), "x-y : z"),
        (400,),
    ),
    "a folded header": (
        lambda app, model: raw(app, model, authorization(app), length(model), "x-y: a\r\n b"),
        (400,),
    ),
    "a NUL in a header": (
        lambda app, model: raw(app, model, authorization(app), length(model), "x-y: a\x00b"),
        (400,),
    ),
    "a bad chunk size": (
        lambda app, model: raw(
            app, model, authorization(app), "transfer-encoding: chunked", body=b"zz\r\nab\r\n0\r\n\r\n"
        ),
        (400,),
    ),
    "an unknown transfer coding": (
        lambda app, model: raw(app, model, authorization(app), "transfer-encoding: gzip", body=b""),
        (400, 411, 501),
    ),
    "no HTTP at all": (lambda app, model: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n", (400,)),
    "a header of 100 kB": (
        lambda app, model: raw(app, model, authorization(app), length(model), "x-y: " + "z" * 100_000),
        (400, 431),
    ),
    "a thousand headers of 100 bytes": (
        lambda app, model: raw(
            app, model, authorization(app), length(model), *[f"x-{n}: " + "z" * 100 for n in range(1000)]
        ),
        (400, 431),
    ),
    "an address of 100 kB": (
        lambda app, model: b"GET /v1/models?" + b"x" * 100_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
        (400, 414, 431),
    ),
}


@pytest.mark.parametrize("name", BROKEN_HTTP)
def test_broken_http_is_refused_and_the_connection_closed(app: Caller, model: str, name: str) -> None:
    build, expected = BROKEN_HTTP[name]
    started = time.monotonic()
    with app.wire() as wire:
        wire.send(build(app, f"{model}-bad"))
        answer = wire.answer()
        assert answer.status in expected, (answer.status, answer.body[:300])
        assert len(answer.body) < LONGEST_ECHO
        assert answer.error["code"]
        assert answer.headers["x-should-retry"] == "false"
        assert answer.headers["x-request-id"]
        assert time.monotonic() - started < QUICKLY_S
        if name != "two different Authorization headers":
            assert wire.is_closed()


def test_too_large_headers_have_their_own_code(app: Caller, model: str) -> None:
    answer = app.chat(model, headers={"x-y": "z" * 100_000})
    assert answer.status == 431
    assert answer.error["code"] == "headers_too_large"


def test_nothing_smuggled_reaches_an_upstream(app: Caller, upstream: Upstream, model: str) -> None:
    inner = raw(app, f"{model}-smuggled", authorization(app), length(f"{model}-smuggled"))
    outer = raw(
        app,
        model,
        authorization(app),
        f"content-length: {len(inner) + 5}",
        "transfer-encoding: chunked",
        body=b"0\r\n\r\n",
    )
    with app.wire() as wire:
        wire.send(outer + inner)
        assert wire.answer().status == 400
        assert wire.is_closed()
    assert not upstream.seen(f"{model}-smuggled")


def test_pipelined_requests_are_answered_in_order(app: Caller, model: str) -> None:
    names = [f"{model}-{n}" for n in range(3)]
    with app.wire() as wire:
        wire.send(b"".join(raw(app, name, authorization(app), length(name)) for name in names))
        answers = [wire.answer() for _ in names]
    assert [answer.status for answer in answers] == [200] * 3
    assert [answer.headers["x-headrace-target"].split("@")[0] for answer in answers] == [f"alpha/{n}" for n in names]


def test_a_connection_serves_one_request_after_another(app: Caller, model: str) -> None:
    with app.wire() as wire:
        for n in range(5):
            app.start(wire, "POST", CHAT, chat_body(model, stream=n % 2 == 0))
            assert wire.answer().status == 200
        app.start(wire, "GET", "/v1/models")
        assert wire.answer().status == 200


def test_expect_100_continue_is_answered_before_the_body(app: Caller, model: str) -> None:
    request = raw(app, model, authorization(app), length(model), "expect: 100-continue")
    head, _, body = request.partition(b"\r\n\r\n")
    with app.wire() as wire:
        wire.send(head + b"\r\n\r\n")
        assert wire.answer().status == 100
        wire.send(body)
        assert wire.answer().status == 200


def test_who_must_not_send_is_told_before_the_body(gateway: Gateway, model: str) -> None:
    stranger = Caller(gateway.base_url, "hr-wrong")
    head, _, _ = raw(stranger, model, authorization(stranger), length(model), "expect: 100-continue").partition(
        b"\r\n\r\n"
    )
    with stranger.wire() as wire:
        wire.send(head + b"\r\n\r\n")
        assert wire.answer().status == 401


def test_http_1_0_is_answered_and_closed(app: Caller, model: str) -> None:
    with app.wire() as wire:
        wire.send(raw(app, model, authorization(app), length(model), version="1.0"))
        assert wire.answer().status == 200
        assert wire.is_closed()


def test_slow_callers_hold_nobody_up(app: Caller, model: str) -> None:
    """Two dozen connections in the middle of headers and of bodies; the others' requests take no longer for it."""
    half = raw(app, model, authorization(app), length(model))
    wires = [app.wire() for _ in range(24)]
    try:
        for n, wire in enumerate(wires):
            wire.send(half[: 40 if n % 2 else -10])
        started = time.monotonic()
        assert app.chat(f"{model}-other").status == 200
        assert time.monotonic() - started < QUICKLY_S
        wires[0].send(half[-10:])
        assert wires[0].answer().status == 200
    finally:
        for wire in wires:
            wire.close()


def test_who_is_too_slow_to_send_is_told_so(app: Caller, model: str) -> None:
    """Ten seconds or so are enough for a head, and for a body that has stopped coming."""
    request = raw(app, model, authorization(app), length(model))
    with app.wire(timeout_s=30) as head, app.wire(timeout_s=30) as body:
        head.send(request[:40])
        body.send(request[:-10])
        for wire in (head, body):
            answer = wire.answer()
            assert answer.status == 408
            assert answer.error["code"] == "request_timeout"
            assert answer.headers["x-request-id"]
            assert answer.headers["x-should-retry"] == "false"


def preflight(app: Caller, origin: str) -> Answer:
    headers = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    return Caller(app.base_url, None).call("OPTIONS", CHAT, None, headers)


def test_a_preflight_from_a_named_origin_is_granted_without_a_key(app: Caller, model: str) -> None:
    answer = preflight(app, "https://chat.example")
    assert answer.status in (200, 204)
    assert answer.headers["access-control-allow-origin"] == "https://chat.example"
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "authorization" in answer.headers["access-control-allow-headers"].lower()
    real = app.chat(model, headers={"origin": "https://chat.example"})
    assert real.headers["access-control-allow-origin"] == "https://chat.example"


def test_a_preflight_from_anywhere_else_is_not(app: Caller, model: str) -> None:
    answer = preflight(app, "https://elsewhere.example")
    assert answer.status < 500
    assert "access-control-allow-origin" not in answer.headers
    assert "access-control-allow-origin" not in app.chat(model, headers={"origin": "https://elsewhere.example"}).headers


def test_a_hostile_request_id_is_not_repeated(app: Caller, model: str) -> None:
    for hostile in ("x" * 5_000, "a b;c='<script>'", "\u00e9\u00ff".encode().decode("latin-1")):
        answer = app.chat(model, headers={"x-request-id": hostile})
        assert answer.status == 200
        given = answer.headers["x-request-id"]
        assert given
        assert len(given) <= 256
        assert "<" not in given
