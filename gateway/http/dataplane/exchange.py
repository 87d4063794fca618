"""One request and its answer: the key before the body, the body, the pipeline; a refusal wherever it falls due.

One task does it, and where the key is known it begins only when the body is there, so that most requests wait for
nothing in it but their upstream.
"""

import asyncio
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from gateway.auth.keys import digest
from gateway.auth.principal import Principal
from gateway.dialects.base import TakesForms
from gateway.door import ClientLeft, Request
from gateway.errors import GatewayError, Internal, Unauthorized
from gateway.http.body import check_media_type, content_coding, decode_body, too_large
from gateway.http.dataplane.plane import Plane
from gateway.http.dataplane.request_head import RequestHead
from gateway.http.dataplane.responder import DataPlaneResponder, Outlet
from gateway.http.dataplane.routes import Route
from gateway.http.headers import cors_for
from gateway.log import get

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_NOTHING: Mapping[str, str] = MappingProxyType({})


class Connection(Outlet, Protocol):
    """The connection, as an exchange sees it."""

    peer: str | None
    """The caller's address."""
    shown: tuple[bytes | None, bytes | None]
    """What its last request carried by way of a key; the next one carries the same, as a rule."""
    shown_hash: str
    """The hash of that key, or nothing yet."""

    def body_has_begun(self) -> bool:
        """Some of the body has arrived."""

    def refusing(self) -> None:
        """The answer comes before the request was read: decide what becomes of the rest."""

    def answered(self, *, persistent: bool) -> None:
        """The answer has been written."""

    def abandon(self) -> None:
        """Close without another word."""


class Exchange:
    """Begins with a request's head."""

    __slots__ = (
        "_arrival",
        "_connection",
        "_head",
        "_id",
        "_over",
        "_plane",
        "_principal",
        "_raw",
        "_route",
        "_running",
        "_started_at",
        "responder",
        "task",
    )

    def __init__(self, plane: Plane, connection: Connection, route: Route, head: RequestHead) -> None:
        self._plane = plane
        self._connection = connection
        self._route = route
        self._head = head
        self._started_at = time.monotonic()
        self._id = plane.ids.keep(head.request_id)
        always = _NOTHING if head.origin is None else cors_for(head.origin, plane.state.cors_origins)
        self.responder = DataPlaneResponder(connection, head.modern, always, plane.date)
        self.task: asyncio.Task[None] | None = None
        self._principal: Principal | None = None
        self._raw: bytes | None = None
        self._arrival: asyncio.Future[None] | None = None
        self._running = False
        self._over = False
        plane.state.liveness.in_flight += 1

    def __repr__(self) -> str:
        return f"<Exchange {self._id} {self._route.path}>"

    def begin(self) -> None:
        """The head is here: check the key, from memory if it is there."""
        try:
            key_hash = self._head.key_hash = self._key_hash()
            self._principal = self._plane.state.keys.cached(key_hash, self._connection.peer)
            if self._principal is not None:
                self._await_body()
        except GatewayError as error:
            self.refuse(error)
            return
        if self._principal is None:
            self._start()

    @property
    def admitted(self) -> bool:
        """The key is known, and nothing in the head is to be refused."""
        return self._principal is not None

    def begin_known(self, raw: bytes) -> None:
        """The head has been here before and was found good; the body is here too."""
        try:
            self._principal = self._plane.state.keys.cached(self._head.key_hash, self._connection.peer)
        except GatewayError as error:
            self.refuse(error)
            return
        self._raw = raw
        self.task = self._plane.loop.create_task(self._run())

    def body(self, raw: bytes) -> None:
        """The body is here, whole."""
        self._raw = raw
        if self.task is None:
            self._start()
        elif self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    def refuse(self, error: GatewayError) -> None:
        """End with this error, before the pipeline has the request."""
        if not self._over:
            self._stop()
            self._refused(error)

    def left(self) -> None:
        """The caller is gone: stop the work, if it has begun."""
        task = self.task
        self._stop()
        if not self._running or task is None:
            self._close_books()
        else:  # the task closes the books, once it has settled what it did; nobody else holds it until then
            self._plane.leaving.add(task)
            task.add_done_callback(self._plane.leaving.discard)

    def _key_hash(self) -> str:
        head, connection = self._head, self._connection
        shown = (head.fields.get(b"authorization"), head.fields.get(b"x-api-key"))
        if shown != connection.shown or not connection.shown_hash or head.repeated:
            connection.shown_hash = digest(self._secret())
            connection.shown = shown
        return connection.shown_hash

    def _secret(self) -> str:
        secret = self._head.key()
        if secret is None:
            raise Unauthorized
        return secret

    def _await_body(self) -> None:
        """The caller may send: refuse what can be refused before the body comes, and say the word it waits for."""
        head = self._head
        forms = isinstance(self._route.dialect, TakesForms)
        if forms or head.fields.get(b"content-type") != b"application/json":
            check_media_type(head.get(b"content-type"), forms=forms)
        if b"content-encoding" in head.fields:
            content_coding(head.get(b"content-encoding"))
        if head.content_length > self._plane.state.body_limit:
            raise too_large(self._plane.state.body_limit)
        if head.expects_continue and not self._connection.body_has_begun():
            self._connection.send(_CONTINUE)

    def _start(self) -> None:
        self.task = self._plane.loop.create_task(self._run())

    def _stop(self) -> None:
        task, self.task = self.task, None  # a task that never began keeps its coroutine, that keeps us
        if task is not None:
            task.cancel()

    async def _run(self) -> None:
        self._running = True
        try:
            if self._principal is None:
                await self._look_up()
            await self._plane.state.pipeline.run(self._request(), self.responder, self._route.dialect)
        except GatewayError as error:
            self._failed(error)
        except ClientLeft:
            self._connection.abandon()
        except asyncio.CancelledError:
            raise
        except Exception:  # noqa: BLE001  the outermost rim of the data plane
            get("http").exception("a request failed by our own fault", request_id=self._id)
            self._failed(Internal())
        else:
            self._answered()
        finally:
            self.task = None  # a cancelled task keeps its traceback, that keeps this frame
            self._close_books()

    async def _look_up(self) -> None:
        self._principal = await self._plane.state.keys.lookup(self._secret(), self._connection.peer)
        self._await_body()
        if self._raw is None:
            self._arrival = self._plane.loop.create_future()
            await self._arrival

    def _request(self) -> Request:
        head, body, principal, route = self._head, self._raw, self._principal, self._route
        assert body is not None
        assert principal is not None
        if b"content-encoding" in head.fields:
            body = decode_body(body, content_coding(head.get(b"content-encoding")), self._plane.state.body_limit)
        # By place: with the names spelled out this takes twice as long.
        return Request(self._id, "POST", route.path, head.headers, body, principal, route.provider, self._started_at)

    def _refused(self, error: GatewayError) -> None:
        metrics, dialect = self._plane.state.metrics, self._route.dialect
        metrics.rejections.add((error.code,))
        metrics.requests.add((dialect.name, "other", "", str(error.status), "rejected"))
        self._connection.refusing()
        self.responder.refuse(error, self._id, dialect.render_error(error))
        self._answered()

    def _failed(self, error: GatewayError) -> None:
        if self.responder.started:
            self._connection.abandon()
        else:
            self._refused(error)

    def _answered(self) -> None:
        self._close_books()
        self._connection.answered(persistent=self.responder.persistent)

    def _close_books(self) -> None:
        if not self._over:
            self._over = True
            self._plane.state.liveness.in_flight -= 1
