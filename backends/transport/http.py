"""HTTP to upstreams: aiohttp's client behind the Backend door, its errors translated where they enter."""

import ssl
from urllib.request import getproxies

import aiohttp
from yarl import URL

from backends.backend import Sink
from backends.errors import ConnectFailed, ConnectionLost
from backends.types import UpstreamRequest

# Idle connections are let go before the usual servers do it (uvicorn: 5 s): none is used while it is being closed.
_KEEPALIVE_S = 4.0
_DNS_TTL_S = 30


class HttpBackend:
    """Implements backends.backend.Backend with one connection pool per origin; make it inside the running loop."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, keepalive_timeout=_KEEPALIVE_S, ttl_dns_cache=_DNS_TTL_S, ssl=tls or True
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            # Asking the environment for each request is dear (it is searched, and ~/.netrc is read).
            trust_env=bool(getproxies()),
            auto_decompress=True,
            max_line_size=16384,
            max_field_size=32768,
        )
        self._urls: dict[str, URL] = {}
        self._timeouts: dict[float, aiohttp.ClientTimeout] = {}

    async def exchange(self, request: UpstreamRequest, sink: Sink) -> None:
        """Send, push, return when the answer is whole by its framing. Cancelling closes the connection."""
        try:
            async with self._session.request(
                request.method,
                self._url(request.url),
                data=request.body,
                headers=request.headers,
                timeout=self._timeout(request.connect_timeout_s),
                allow_redirects=False,
            ) as response:
                sink.on_head(response.status, response.headers)
                content = response.content
                while data := await content.readany():
                    sink.on_data(data)
                    await sink.drain()
        except (
            aiohttp.ClientConnectorError,
            aiohttp.ConnectionTimeoutError,
            aiohttp.ClientProxyConnectionError,
        ) as error:
            raise ConnectFailed(f"no connection: {type(error).__name__}") from error
        except (aiohttp.ClientError, ConnectionError, ssl.SSLError) as error:
            raise ConnectionLost(f"the connection broke: {type(error).__name__}") from error

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    def _url(self, text: str) -> URL:
        """Parsed once per target: there are as many as the routing file names."""
        url = self._urls.get(text)
        if url is None:
            url = self._urls[text] = URL(text, encoded=True)
        return url

    def _timeout(self, connect_s: float) -> aiohttp.ClientTimeout:
        timeout = self._timeouts.get(connect_s)
        if timeout is None:
            timeout = self._timeouts[connect_s] = aiohttp.ClientTimeout(total=None, sock_connect=connect_s)
        return timeout
