"""TLS: who is trusted, what is offered, and a clean end told from a cut line."""

import asyncio
import contextlib
import socket
import ssl
import threading
from pathlib import Path

import pytest

from backends.errors import ConnectFailed, ConnectionLost
from tests.backends.transport.authority import Authority, make_authority
from tests.backends.transport.wire import LOOPS, OK, Line, Recorder, Server, answering, backend, request, run, until

TO_THE_END = b"HTTP/1.1 200 OK\r\n\r\nhello world"
both_loops = pytest.mark.parametrize("loop", LOOPS)
versions = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(Path(tmp_path_factory.mktemp("authority")))


@both_loops
@versions
def test_exchanges_over_tls_share_a_connection_and_speak_http_1_1(
    authority: Authority, loop: str, version: ssl.TLSVersion
) -> None:
    spoken: list[str | None] = []

    async def script(line: Line) -> None:
        spoken.append(line.writer.get_extra_info("ssl_object").selected_alpn_protocol())
        for _ in range(3):
            _, body = await line.request()
            await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body), body)
        await line.hung_up()

    async def story() -> None:
        async with Server(script, ssl=authority.serving(most=version), limit=1 << 22) as server:
            client = backend(authority.trusting())
            for host, body in (("localhost", b"a"), ("localhost", b"b" * 2_000_000), ("127.0.0.1", b"c")):
                sink = Recorder()
                await client.exchange(request(f"https://{host}:{server.port}/", body), sink)
                assert sink.body == body
                await asyncio.sleep(0.01)  # TLS 1.3's session tickets come after the handshake
            assert server.connections == 2
            assert spoken == ["http/1.1"] * 2
            await client.close()

    run(story(), loop)


@both_loops
@pytest.mark.parametrize("clean", [True, False])
@versions
def test_an_answer_that_ends_with_the_connection_needs_a_close_notify(
    authority: Authority, loop: str, clean: bool, version: ssl.TLSVersion
) -> None:
    sink = Recorder()

    async def script(line: Line) -> None:
        await line.request()
        await line.send(TO_THE_END)
        await until(lambda: sink.pieces)
        if not clean:
            line.writer.transport.abort()

    async def story() -> None:
        async with Server(script, ssl=authority.serving(most=version)) as server:
            client = backend(authority.trusting())
            exchange = client.exchange(request(f"https://localhost:{server.port}/"), sink)
            if clean:
                await exchange
            else:
                with pytest.raises(ConnectionLost, match="before the end of its answer"):
                    await exchange
            assert sink.body == b"hello world"
            await client.close()

    run(story(), loop)


@both_loops
@pytest.mark.parametrize("clean", [True, False])
def test_a_sized_answer_cut_over_tls_is_lost_however_the_connection_ended(
    authority: Authority, loop: str, clean: bool
) -> None:
    place = 0

    async def script(line: Line) -> None:
        await line.request()
        await line.send(OK[:place])
        if not clean:
            line.writer.transport.abort()

    async def story() -> None:
        nonlocal place
        async with Server(script, ssl=authority.serving()) as server:
            client = backend(authority.trusting())
            for at in (0, 1, 20, len(OK) - 1):
                place = at
                with pytest.raises(ConnectionLost):
                    await client.exchange(request(f"https://localhost:{server.port}/"), Recorder())
            await client.close()

    run(story(), loop)


@both_loops
def test_a_server_that_nobody_vouches_for_is_not_spoken_to(authority: Authority, loop: str) -> None:
    async def story() -> None:
        async with Server(answering(OK), ssl=authority.serving()) as server:
            for client, host, why in (
                (backend(), "localhost", "not trusted"),
                (backend(authority.trusting()), "ip6-localhost.localhost", "not trusted|does not resolve"),
            ):
                with pytest.raises(ConnectFailed, match=why) as caught:
                    await client.exchange(request(f"https://{host}:{server.port}/"), Recorder())
                assert not caught.value.may_have_billed
                await client.close()

    run(story(), loop)


@both_loops
@versions
def test_a_server_may_ask_for_our_certificate(authority: Authority, loop: str, version: ssl.TLSVersion) -> None:
    async def story() -> None:
        async with Server(answering(OK), ssl=authority.serving(ask_client=True, most=version)) as server:
            url = f"https://localhost:{server.port}/"
            known = backend(authority.trusting(with_certificate=True))
            sink = Recorder()
            await known.exchange(request(url), sink)
            assert sink.body == b"ok"
            await known.close()

    run(story(), loop)


@both_loops
@versions
def test_a_server_that_refuses_our_certificate_was_sent_nothing(
    authority: Authority, loop: str, version: ssl.TLSVersion
) -> None:
    """With TLS 1.3 it says so only after our handshake is over, when the request is already on its way."""
    context = authority.serving(ask_client=True, most=version)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        line, _ = listener.accept()
        with (
            line.dup() as underneath,
            context.wrap_socket(line, server_side=True, do_handshake_on_connect=False) as secured,
        ):
            with pytest.raises(ssl.SSLError):
                secured.do_handshake()
            with contextlib.suppress(ConnectionError):
                while underneath.recv(65536):  # a server that closes on unread bytes resets the connection
                    pass

    async def story() -> None:
        client = backend(authority.trusting())
        with pytest.raises(ConnectFailed) as caught:
            await client.exchange(request(f"https://localhost:{listener.getsockname()[1]}/"), Recorder())
        assert not caught.value.may_have_billed
        await client.close()

    serving = threading.Thread(target=serve)
    serving.start()
    with listener:
        run(story(), loop)
        serving.join(5)


@both_loops
def test_a_plain_server_behind_an_https_url_is_a_failed_connection(loop: str) -> None:
    async def script(line: Line) -> None:
        await line.reader.read(10)
        await line.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async def story() -> None:
        async with Server(script) as server:
            client = backend()
            with pytest.raises(ConnectFailed, match=r"no (TLS with|connection to) localhost"):
                await client.exchange(request(f"https://localhost:{server.port}/"), Recorder())
            await client.close()

    run(story(), loop)


@both_loops
def test_the_connect_clock_runs_through_the_handshake(loop: str) -> None:
    async def story() -> None:
        async with Server(Line.hung_up) as server:
            client = backend()
            with pytest.raises(ConnectFailed, match=r"in 0.1 s \(TLS handshake\)"):
                await client.exchange(request(f"https://localhost:{server.port}/", connect_s=0.1), Recorder())
            await client.close()

    run(story(), loop)


@both_loops
def test_an_idle_tls_connection_that_the_server_left_is_replaced(authority: Authority, loop: str) -> None:
    async def story() -> None:
        async with Server(answering(OK, stay=False), ssl=authority.serving()) as server:
            client = backend(authority.trusting())
            for count in (1, 2):
                sink = Recorder()
                await client.exchange(request(f"https://localhost:{server.port}/"), sink)
                assert sink.body == b"ok"
                assert server.connections == count
                await until(lambda count=count: server.closed == count)  # type: ignore[misc]
            await client.close()

    run(story(), loop)


@both_loops
def test_back_pressure_works_through_tls(authority: Authority, loop: str) -> None:
    piece, count = b"x" * (1 << 16), 160

    class Slow(Recorder):
        def on_data(self, data: bytes) -> None:
            super().on_data(data)
            assert self.flow is not None
            self.flow.pause()
            asyncio.get_running_loop().call_soon(self.flow.resume)

    async def script(line: Line) -> None:
        await line.request()
        line.writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (len(piece) * count))
        for _ in range(count):
            line.writer.write(piece)
            await line.writer.drain()
        await line.hung_up()

    async def story() -> None:
        async with Server(script, ssl=authority.serving()) as server:
            client = backend(authority.trusting())
            sink = Slow()
            await client.exchange(request(f"https://localhost:{server.port}/"), sink)
            assert len(sink.body) == len(piece) * count
            await client.close()

    run(story(), loop)
