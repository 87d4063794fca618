"""The head of a connection's last whole request: the next one is the same, as a rule, but for its body's length."""

from backends.transport.known_head import KnownHead, is_worth_remembering
from gateway.http.dataplane.request_head import RequestHead
from gateway.http.dataplane.routes import Route


class Acquaintance:
    """Made with a connection. `head` and `route` are those of the request that was met last."""

    __slots__ = ("_in_vain", "_likeness", "head", "route")

    def __init__(self) -> None:
        self._likeness: KnownHead | None = None
        self._in_vain = 0
        self.head: RequestHead
        self.route: Route

    def meet(self, data: bytes) -> int:
        """How long the body is, if these bytes are a request with the head that was remembered, whole; else -1."""
        likeness = self._likeness
        if likeness is None:
            return -1
        size = likeness.size_of(data)
        if size >= 0:
            self._in_vain = 0
            if size != self.head.content_length:
                self.head = self.head.with_length(size)
        return size

    def remember(self, data: bytes, head: RequestHead, route: Route) -> None:
        """This is the head of a request that came whole; nothing was wrong with it, and its key is known."""
        if is_worth_remembering(self._in_vain):
            self._likeness, self.head, self.route = KnownHead.of(data), head, route
        self._in_vain += 1
