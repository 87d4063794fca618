"""Request heads: rendered once per target, and nothing of ours can be smuggled into them."""

from collections.abc import Mapping
from types import MappingProxyType

import pytest

from backends.errors import ConnectFailed
from backends.transport.head import Heads
from backends.transport.origin import Origin, parse_url
from backends.transport.proxy import Proxies
from tests.backends.transport.wire import request


def rendered(url: str, headers: Mapping[str, str], body: bytes = b"{}", method: str = "POST", **proxies: str) -> bytes:
    return Heads(Proxies(proxies)).head(request(url, body, method=method, headers=headers)).with_body(body)


def test_a_request_is_line_fields_length_and_body() -> None:
    assert rendered("http://h:81/v1/chat?a=b", {"Authorization": "Bearer x", "x-": "y"}) == (
        b"POST /v1/chat?a=b HTTP/1.1\r\nhost: h:81\r\nauthorization: Bearer x\r\nx-: y\r\n"
        b"accept-encoding: identity\r\ncontent-length: 2\r\n\r\n{}"
    )


def test_what_frames_the_request_is_ours_alone() -> None:
    head = rendered(
        "https://h/", {"Transfer-Encoding": "chunked", "content-length": "9", "Connection": "close", "HOST": "other"}
    )
    assert head == b"POST / HTTP/1.1\r\nhost: other\r\naccept-encoding: identity\r\ncontent-length: 2\r\n\r\n{}"


def test_a_get_without_a_body_has_no_length_and_a_post_has() -> None:
    assert rendered("http://h/", {}, b"", "GET") == b"GET / HTTP/1.1\r\nhost: h\r\naccept-encoding: identity\r\n\r\n"
    assert rendered("http://h/", {}, b"").endswith(b"\r\ncontent-length: 0\r\n\r\n")


def test_large_bodies_get_the_same_head_apart() -> None:
    head = Heads(Proxies({})).head(request("http://h/", b"x" * 70_000))
    assert head.render(70_000) + b"x" * 70_000 == head.with_body(b"x" * 70_000)
    empty = Heads(Proxies({})).head(request("http://h/", b"", method="GET"))
    assert empty.render(0) == empty.with_body(b"")


def test_a_head_is_rendered_once_per_url_and_headers_object() -> None:
    heads = Heads(Proxies({}))
    mine, other = MappingProxyType({"a": "1"}), MappingProxyType({"a": "2"})
    first = heads.head(request("http://h/", headers=mine))
    assert heads.head(request("http://h/", headers=mine)) is first
    assert heads.head(request("http://h/", headers=other)) is not first
    assert heads.head(request("http://h/other", headers=mine)) is not first
    assert heads.head(request("http://h/", b"", headers=mine)).with_body(b"").endswith(b"length: 0\r\n\r\n")


def test_headers_of_passing_objects_are_never_mistaken_for_one_another() -> None:
    heads = Heads(Proxies({}))
    for n in range(5000):
        assert f"x-n: {n}\r\n".encode() in heads.head(request("http://h/", headers={"x-n": str(n)})).start
    assert len(heads._kept) <= 1024


@pytest.mark.parametrize(
    "headers",
    [{"a": "b\r\nc: d"}, {"a": "b\n"}, {"a": "\0"}, {"a\r\nb": "c"}, {"a b": "c"}, {"": "x"}, {"a": "☃"}, {"a:": "b"}],
)
def test_headers_that_would_split_the_head_are_not_sent(headers: dict[str, str]) -> None:
    with pytest.raises(ConnectFailed, match="cannot be sent"):
        rendered("http://h/", headers)


def test_a_refused_header_does_not_tell_its_value() -> None:
    with pytest.raises(ConnectFailed) as caught:
        rendered("http://h/", {"authorization": "Bearer secret\n"})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("method", ["HEAD", "CONNECT", "GE T", "", "GET\r\n"])
def test_methods_that_the_transport_cannot_carry_are_not_sent(method: str) -> None:
    with pytest.raises(ConnectFailed, match="does not send"):
        rendered("http://h/", {}, method=method)


@pytest.mark.parametrize(
    ("url", "origin", "path"),
    [
        ("http://host", Origin("http", "host", 80), "/"),
        ("https://Host:8443/v1?x=1#f", Origin("https", "host", 8443), "/v1?x=1"),
        ("http://[::1]:8000/v1", Origin("http", "::1", 8000), "/v1"),
        ("http://bücher.example/ä?ö", Origin("http", "xn--bcher-kva.example", 80), "/%C3%A4?%C3%B6"),
        ("http://h/a%20b", Origin("http", "h", 80), "/a%20b"),
    ],
)
def test_urls_are_taken_apart(url: str, origin: Origin, path: str) -> None:
    assert parse_url(url)[:2] == (origin, path)


def test_origins_have_an_authority_and_a_host_field() -> None:
    assert Origin("http", "::1", 80).authority == "[::1]:80"
    assert Origin("http", "::1", 80).host_field == "[::1]"
    assert Origin("https", "h", 80).host_field == "h:80"


@pytest.mark.parametrize(
    "url",
    [
        "http://h/a b",
        "http://h/\r\nx: y",
        "ftp://h/",
        "h/v1",
        "http://",
        "http://h:99999/",
        "http://h:x/",
        "http://[::1/",
    ],
)
def test_urls_that_lead_nowhere_are_a_failed_connection_and_not_repeated(url: str) -> None:
    with pytest.raises(ConnectFailed) as caught:
        parse_url(url)
    assert url.removeprefix("http://") not in str(caught.value) or url == "http://"


def test_a_name_and_password_in_the_url_become_basic_credentials_unless_there_are_others() -> None:
    assert b"\r\nauthorization: Basic dTpwOnc=\r\n" in rendered("http://u:p%3Aw@h/", {})
    assert b"host: h\r\n" in rendered("http://u:p@h/", {})
    assert b"Basic" not in rendered("http://u:p@h/", {"Authorization": "Bearer x"})


def test_plain_http_through_a_proxy_names_the_whole_url() -> None:
    head = rendered("http://h:81/v1", {}, http="http://u:p@proxy:3128")
    assert head.startswith(b"POST http://h:81/v1 HTTP/1.1\r\nhost: h:81\r\n")
    assert b"proxy-authorization: Basic dTpw\r\n" in head
    tunnelled = rendered("https://h/v1", {}, https="http://u:p@proxy:3128")
    assert tunnelled.startswith(b"POST /v1 HTTP/1.1\r\n")
    assert b"proxy-authorization" not in tunnelled


def test_a_head_does_not_show_its_secrets() -> None:
    head = Heads(Proxies({})).head(request("http://h/", headers={"authorization": "Bearer secret"}))
    assert "secret" not in repr(head)
