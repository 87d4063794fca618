"""aiohttp's server protocol with what a server owes itself on top: a clock for slow heads, and errors in our shape.

The private names used here are aiohttp's; the version is pinned, and tests/http show each behaviour.
"""

import asyncio
import secrets
from typing import Any

from aiohttp import http_exceptions, web
from aiohttp.web_protocol import RequestHandler

from gateway.dialects.openai_errors import render_error
from gateway.errors import GatewayError, Internal, InvalidRequest, TooSlow

HEAD_S = 10.0
IDLE_S = 75.0
LONGEST_LINE = 8190
LONGEST_HEADER = 16380
MOST_HEADERS = 128


class HeadersTooLarge(GatewayError):
    """431: the request's head is over the limits (RFC 6585, section 5)."""

    status, code, type, origin = 431, "headers_too_large", "invalid_request_error", "caller"


class StrictHandler(RequestHandler):
    """One connection."""

    def __init__(self, manager: web.Server, **settings: Any) -> None:
        super().__init__(manager, **settings)
        self._head_timer: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        """Bytes from the caller: a head that has begun must end within its time."""
        seen = self._request_count
        super().data_received(data)
        if self._request_count != seen:
            self._stop_head_timer()
        elif self._head_timer is None and not self._request_in_progress and not self._force_close:
            self._head_timer = self._loop.call_later(HEAD_S, self._head_too_slow)

    def connection_lost(self, exc: BaseException | None) -> None:
        """The connection is gone."""
        self._stop_head_timer()
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  aiohttp's signature
    ) -> web.StreamResponse:
        """What is no HTTP, or broke our own handler; the connection is closed after the answer."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer is under way, no other can be sent")
        error: GatewayError = Internal() if status >= 500 else InvalidRequest("The request is not valid HTTP/1.1.")
        if isinstance(exc, http_exceptions.LineTooLong) or (exc and "Too many" in str(exc)):
            error = HeadersTooLarge("The request line or a header is too long, or there are too many headers.")
        if status >= 500:
            self.logger.error("a handler failed", exc_info=exc)
        response = error_response(error, _new_id())
        response.force_close()
        return response

    def _head_too_slow(self) -> None:
        self._head_timer = None
        if self._request_in_progress or self.transport is None:
            return
        body = render_error(TooSlow("The request's head did not arrive in time."))
        head = (
            "HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\nconnection: close\r\n"
            f"x-request-id: {_new_id()}\r\nx-should-retry: false\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.force_close()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


class StrictServer(web.Server):
    """Makes a StrictHandler per connection."""

    def __call__(self) -> StrictHandler:
        """A new connection's protocol."""
        return StrictHandler(self, loop=self._loop, **self._kwargs)


class StrictRunner(web.AppRunner):
    """aiohttp's runner with our protocol, limits, and cancellation of handlers whose caller left."""

    def __init__(self, app: web.Application) -> None:
        super().__init__(
            app,
            handler_cancellation=True,
            access_log=None,
            handle_signals=False,
            keepalive_timeout=IDLE_S,
            lingering_time=2.0,
            max_line_size=LONGEST_LINE,
            max_field_size=LONGEST_HEADER,
            max_headers=MOST_HEADERS,
            auto_decompress=False,
        )

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        return StrictServer(
            server.request_handler,
            request_factory=server.request_factory,
            handler_cancellation=server.handler_cancellation,
            loop=asyncio.get_running_loop(),
            **server._kwargs,  # noqa: SLF001  the settings given above
        )


def _new_id() -> str:
    """For what never became a request."""
    return f"req-{secrets.token_hex(8)}"


def error_response(error: GatewayError, request_id: str | None = None) -> web.Response:
    """A GatewayError as aiohttp's response, for all that is not a dialect's route."""
    headers = {"server": "headrace", "x-should-retry": "true" if error.retry else "false", **error.headers}
    if request_id is not None:
        headers["x-request-id"] = headers["request-id"] = request_id
    return web.Response(status=error.status, headers=headers, body=render_error(error), content_type="application/json")
