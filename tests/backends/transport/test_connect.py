"""Ways to an upstream: addresses that fail, names that do not resolve, clocks, proxies."""

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from backends.errors import ConnectFailed
from backends.transport.origin import Origin
from backends.transport.proxy import Proxies
from backends.transport.resolver import Found, Resolver
from tests.backends.transport.authority import make_authority
from tests.backends.transport.wire import LOOPS, OK, Line, Recorder, Server, answering, backend, request, run
from tests.support.hole import Hole

both_loops = pytest.mark.parametrize("loop", LOOPS)


def found(*addresses: tuple[str, int]) -> list[Found]:
    return [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (host, port, 0, 0))
        if ":" in host
        else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))
        for host, port in addresses
    ]


class Names:
    """A resolver's source: what names lead to, and how often it was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[Found]:
        self.asked += 1
        await asyncio.sleep(0)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, OSError):
            raise answer
        return list(answer)


NOT_FOUND = socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@both_loops
def test_addresses_are_tried_until_one_connects(loop: str) -> None:
    async def story() -> None:
        async with Server(answering(OK)) as server:
            with socket.create_server(("::1", 0), family=socket.AF_INET6) as closed:
                refused = closed.getsockname()[1]
            names = Names(found(("::1", refused), ("127.0.0.2", refused), ("127.0.0.1", server.port)))
            client = backend(resolver=Resolver(names))
            sink = Recorder()
            await client.exchange(request("http://upstream.test/"), sink)
            assert sink.body == b"ok"
            await client.close()

    run(story(), loop)


@both_loops
def test_an_address_that_hangs_does_not_hold_up_the_next(loop: str) -> None:
    async def story() -> None:
        with Hole() as hole:
            async with Server(answering(OK), host="::1") as server:
                names = Names(found(("127.0.0.1", hole.port), ("::1", server.port)))
                client = backend(resolver=Resolver(names))
                started = asyncio.get_running_loop().time()
                sink = Recorder()
                await client.exchange(request("http://upstream.test/"), sink)
                assert sink.body == b"ok"
                assert asyncio.get_running_loop().time() - started < 3.0
                await client.close()

    run(story(), loop)


@both_loops
def test_a_name_that_does_not_resolve_is_a_failed_connection(loop: str) -> None:
    async def story() -> None:
        client = backend(resolver=Resolver(Names(NOT_FOUND)))
        with pytest.raises(ConnectFailed, match="does not resolve") as caught:
            await client.exchange(request("http://nowhere.test/"), Recorder())
        assert not caught.value.may_have_billed
        await client.close()

    run(story(), loop)


@both_loops
def test_a_port_where_nobody_listens_is_a_failed_connection(loop: str) -> None:
    async def story() -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        client = backend()
        with pytest.raises(ConnectFailed, match="refused"):
            await client.exchange(request(f"http://127.0.0.1:{port}/"), Recorder())
        await client.close()

    run(story(), loop)


@both_loops
@pytest.mark.parametrize("what", ["connecting", "resolving the name"])
def test_one_clock_bounds_the_whole_way(loop: str, what: str) -> None:
    async def never(_host: str, _port: int) -> list[Found]:
        await asyncio.Event().wait()
        return []

    async def story() -> None:
        with Hole() as hole:
            client = backend(resolver=Resolver(never))
            host = "127.0.0.1" if what == "connecting" else "slow.test"
            started = asyncio.get_running_loop().time()
            with pytest.raises(ConnectFailed, match=rf"in 0.2 s \({what}\)"):
                await client.exchange(request(f"http://{host}:{hole.port}/", connect_s=0.2), Recorder())
            assert asyncio.get_running_loop().time() - started < 3.0
            await client.close()

    run(story(), loop)


@both_loops
def test_a_caller_who_leaves_while_connecting_leaves_nothing_behind(loop: str) -> None:
    async def story() -> None:
        with Hole() as hole:
            client = backend()
            exchange = asyncio.get_running_loop().create_task(
                client.exchange(request(f"http://127.0.0.1:{hole.port}/"), Recorder())
            )
            await asyncio.sleep(0.02)
            exchange.cancel()
            with pytest.raises(asyncio.CancelledError):
                await exchange
            await client.close()

    run(story(), loop)


def test_names_are_asked_for_once_by_many_and_again_after_their_time() -> None:
    async def story() -> None:
        names = Names(found(("127.0.0.1", 1)), found(("127.0.0.2", 1)))
        resolver = Resolver(names, ttl_s=1000)
        many = await asyncio.gather(*(resolver.lookup("a.test", 1) for _ in range(10)))
        assert names.asked == 1
        assert all(one == many[0] for one in many)
        await resolver.lookup("a.test", 1)
        assert names.asked == 1
        resolver.expire("a.test", 1)
        assert (await resolver.lookup("a.test", 1))[0][4][0] == "127.0.0.2"
        resolver.close()

    run(story())


def test_an_outage_of_the_names_is_survived_with_what_was_known() -> None:
    async def story() -> None:
        resolver = Resolver(Names(found(("127.0.0.1", 1)), NOT_FOUND), ttl_s=0)
        first = await resolver.lookup("a.test", 1)
        assert await resolver.lookup("a.test", 1) == first
        resolver.close()

    run(story())


def test_who_gives_up_on_a_name_does_not_take_it_from_the_others() -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        asked: asyncio.Future[list[Found]] = loop.create_future()

        async def ask(_host: str, _port: int) -> list[Found]:
            return await asked

        resolver = Resolver(ask)
        hasty, patient = (loop.create_task(resolver.lookup("a.test", 1)) for _ in range(2))
        await asyncio.sleep(0)
        hasty.cancel()
        await asyncio.wait([hasty])
        asked.set_result(found(("127.0.0.1", 1)))
        assert len(await patient) == 1
        resolver.close()

    run(story())


def test_addresses_need_no_resolver() -> None:
    async def story() -> None:
        names = Names(NOT_FOUND)
        resolver = Resolver(names)
        assert (await resolver.lookup("127.0.0.1", 80))[0][4] == ("127.0.0.1", 80)
        assert (await resolver.lookup("::1", 80))[0][4] == ("::1", 80, 0, 0)
        assert names.asked == 0

    run(story())


# Proxies


def proxied(host: str, scheme: str = "http", port: int = 80, **environment: str) -> bool:
    return Proxies(environment).for_origin(Origin(scheme, host, port)) is not None


def test_the_scheme_s_own_proxy_comes_before_the_general_one() -> None:
    proxies = Proxies({"https": "http://a:1", "all": "b:2"})
    secure, plain = proxies.for_origin(Origin("https", "h", 443)), proxies.for_origin(Origin("http", "h", 80))
    assert secure is not None
    assert plain is not None
    assert (secure.host, secure.port) == ("a", 1)
    assert (plain.host, plain.port) == ("b", 2)
    assert Proxies({}).for_origin(Origin("http", "h", 80)) is None


@pytest.mark.parametrize(
    ("host", "names", "direct"),
    [
        ("a.example", "example", True),
        ("a.example", ".example", True),
        ("notexample", "example", False),
        ("h", "*", True),
        ("h", "h:80", True),
        ("h", "h:81", False),
        ("10.1.2.3", "10.0.0.0/8,localhost", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("::1", "::1", True),
        ("fd00::7", "fd00::/8", True),
        ("h", "", False),
    ],
)
def test_no_proxy_names_hosts_domains_ports_and_networks(host: str, names: str, direct: bool) -> None:
    assert proxied(host, http="p:1", no=names) is not direct


@pytest.mark.parametrize("url", ["socks5://p:1", "https://p:1", "http://", "http://p:x"])
def test_a_proxy_that_we_do_not_speak_to_is_not_passed_by(url: str) -> None:
    with pytest.raises(ConnectFailed):
        proxied("h", http=url)


def test_a_proxy_does_not_show_its_password() -> None:
    proxy = Proxies({"http": "http://u:secret@p:1"}).for_origin(Origin("http", "h", 80))
    assert "secret" not in repr(proxy)


@both_loops
def test_https_goes_through_a_tunnel_with_the_proxy_s_credentials(loop: str, tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    asked: list[bytes] = []

    async def story() -> None:
        async with Server(answering(OK, OK), ssl=authority.serving()) as upstream:

            async def proxy(line: Line) -> None:
                asked.append((await line.request())[0])
                reader, writer = await asyncio.open_connection("127.0.0.1", upstream.port)
                await line.send(b"HTTP/1.1 200 Connection", b" established\r\nx: y\r\n\r\n")

                async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
                    while data := await source.read(65536):
                        target.write(data)
                    target.close()

                await asyncio.gather(pump(line.reader, writer), pump(reader, line.writer), return_exceptions=True)

            async with Server(proxy) as middle:
                environment = {"https": f"http://user:pass@127.0.0.1:{middle.port}"}
                client = backend(authority.trusting(), proxies=Proxies(environment))
                for _ in range(2):
                    sink = Recorder()
                    await client.exchange(request("https://upstream.test/v1"), sink)
                    assert sink.body == b"ok"
                assert middle.connections == 1
                await client.close()
        assert asked == [
            b"CONNECT upstream.test:443 HTTP/1.1\r\nhost: upstream.test:443\r\n"
            b"proxy-authorization: Basic dXNlcjpwYXNz\r\n\r\n"
        ]

    run(story(), loop)


@both_loops
@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "status 407"),
        (b"HTTP/1.0 502\r\n\r\n", "status 502"),
        (b"HTTP/1.1 200 OK\r\n\r\nEXTRA", "more than its answer"),
        (b"nonsense\r\n\r\n", "not HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\n", "broke off"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 4000, "no end"),
    ],
)
def test_a_proxy_that_opens_no_tunnel_is_a_failed_connection(loop: str, answer: bytes, why: str) -> None:
    async def story() -> None:
        async with Server(answering(answer, stay=False)) as middle:
            proxies = Proxies({"https": f"http://user:secret@127.0.0.1:{middle.port}"})
            client = backend(proxies=proxies)
            with pytest.raises(ConnectFailed, match=why) as caught:
                await client.exchange(request("https://upstream.test/"), Recorder())
            assert "secret" not in str(caught.value)
            await client.close()

    run(story(), loop)


@both_loops
def test_plain_http_is_asked_of_the_proxy_itself(loop: str) -> None:
    heads: list[bytes] = []

    async def script(line: Line) -> None:
        heads.append((await line.request())[0])
        await line.send(OK)

    async def story() -> None:
        async with Server(script) as middle:
            client = backend(proxies=Proxies({"http": f"http://127.0.0.1:{middle.port}"}))
            sink = Recorder()
            await client.exchange(request("http://upstream.test/v1"), sink)
            assert sink.body == b"ok"
            await client.close()
        assert heads[0].startswith(b"POST http://upstream.test/v1 HTTP/1.1\r\nhost: upstream.test\r\n")

    run(story(), loop)
