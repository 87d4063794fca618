"""A reverse proxy in as few lines of aiohttp as will do (`python -m benchmarks.servers.vanilla PORT UPSTREAM_PORT`)."""

import sys
from collections.abc import AsyncIterator

import aiohttp
import uvloop
from aiohttp import web

_SESSION = web.AppKey("session", aiohttp.ClientSession)
_UPSTREAM = web.AppKey("upstream", str)


async def _relay(request: web.Request) -> web.StreamResponse:
    body = await request.read()
    url = request.app[_UPSTREAM] + request.path_qs
    headers = {"content-type": request.headers.get("content-type", "application/json")}
    async with request.app[_SESSION].post(url, data=body, headers=headers) as upstream:
        if "text/event-stream" not in upstream.headers.get("content-type", ""):
            whole = await upstream.read()
            return web.Response(status=upstream.status, body=whole, content_type=upstream.content_type)
        answer = web.StreamResponse(status=upstream.status, headers={"content-type": "text/event-stream"})
        await answer.prepare(request)
        async for data in upstream.content.iter_any():
            await answer.write(data)
        await answer.write_eof()
        return answer


async def _client(app: web.Application) -> AsyncIterator[None]:
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=None)
    ) as session:
        app[_SESSION] = session
        yield


def main() -> None:
    port, upstream_port = int(sys.argv[1]), int(sys.argv[2])
    app = web.Application()
    app[_UPSTREAM] = f"http://127.0.0.1:{upstream_port}"
    app.cleanup_ctx.append(_client)
    app.router.add_post("/{path:.*}", _relay)
    web.run_app(
        app, host="127.0.0.1", port=port, backlog=4096, access_log=None, print=None, loop=uvloop.new_event_loop()
    )


if __name__ == "__main__":
    main()
