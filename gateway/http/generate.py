"""One handler for every generating endpoint; the route brings the dialect. The key is checked before the body."""

import asyncio
import time

from aiohttp import web

from gateway.auth.keys import digest
from gateway.auth.principal import Principal
from gateway.dialects.base import Dialect, TakesForms
from gateway.door import ClientLeft, Request
from gateway.errors import GatewayError, Unauthorized
from gateway.http.aiohttp_door import AiohttpResponder
from gateway.http.body import check_media_type, read_body
from gateway.http.headers import cors_for, key_of
from gateway.http.protocol import error_response
from gateway.http.state import REQUEST_ID, STATE, HttpState


class Generate:
    """Bound to a dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request; errors before the pipeline are told in the dialect's shape like those within."""
        state = request.app[STATE]
        state.liveness.in_flight += 1
        request_id = request[REQUEST_ID]
        always = cors_for(request.headers.get("origin"), state.cors_origins)
        responder = AiohttpResponder(request, always)
        try:
            await state.pipeline.run(await self._read(request, state, request_id), responder, self._dialect)
        except GatewayError as error:
            if responder.started:  # a long answer broke in its middle: that can only be told by ending the connection
                raise asyncio.CancelledError from error
            return self._refuse(error, state, request_id)
        except ClientLeft as error:
            raise asyncio.CancelledError from error
        finally:
            state.liveness.in_flight -= 1
        if state.liveness.draining:
            responder.response.force_close()
        return responder.response

    async def _read(self, request: web.Request, state: HttpState, request_id: str) -> Request:
        started_at = time.monotonic()
        principal = await authenticate(request, state)
        check_media_type(request.headers.get("content-type"), forms=isinstance(self._dialect, TakesForms))
        body = await read_body(request, state.body_limit)
        return Request(
            id=request_id,
            method=request.method,
            path=request.path,
            headers=request.headers,
            body=body,
            principal=principal,
            provider=request.match_info.get("provider"),
            started_at=started_at,
        )

    def _refuse(self, error: GatewayError, state: HttpState, request_id: str) -> web.Response:
        state.metrics.rejections.add((error.code,))
        state.metrics.requests.add((self._dialect.name, "other", "", str(error.status), "rejected"))
        response = error_response(error, request_id)
        response.set_status(error.status_in(self._dialect.name))
        response.body = self._dialect.render_error(error)
        if state.liveness.draining:
            response.force_close()
        return response


async def authenticate(request: web.BaseRequest, state: HttpState) -> Principal:
    """The caller's Principal; from the worker's memory where the key is known, which costs no await."""
    secret = key_of(request)
    if secret is None:
        raise Unauthorized
    return state.keys.cached(digest(secret), request.remote) or await state.keys.lookup(secret, request.remote)
