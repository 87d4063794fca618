"""What stands around every handler: errors become answers, each answer has an id, a browser may ask."""

import difflib

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.dialects.anthropic_errors import is_anthropics, render_error
from gateway.errors import GatewayError, Internal, MethodNotAllowed, NotFound
from gateway.http.headers import RequestIds, cors_for, preflight
from gateway.http.protocol import error_response
from gateway.http.state import REQUEST_ID, STATE
from gateway.log import get


class Rim:
    """The outermost middleware. `paths` are the routes that a mistyped one may have meant."""

    def __init__(self, ids: RequestIds, paths: list[str]) -> None:
        self._ids = ids
        self._paths = paths

    @web.middleware
    async def around(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Call the handler; whatever it raises becomes an answer."""
        origins = request.app[STATE].cors_origins
        if request.method == "OPTIONS" and "access-control-request-method" in request.headers:
            return preflight(request, origins)
        request_id = request[REQUEST_ID] = self._ids.of(request)
        try:
            response = await handler(request)
        except GatewayError as error:
            response = _told(error, request, request_id)
        except web.HTTPMethodNotAllowed as error:
            response = _told(_method_not_allowed(error), request, request_id)
        except web.HTTPNotFound:
            response = _told(self._unknown_route(request), request, request_id)
        except web.HTTPException as error:
            refused = GatewayError(error.reason, code="invalid_request")
            refused.status, refused.type, refused.origin = error.status, "invalid_request_error", "caller"
            response = _told(refused, request, request_id)
        except Exception:  # noqa: BLE001  the outermost rim of the control plane
            get("http").exception("a handler failed", request_id=request_id, path=request.path[:200])
            response = _told(Internal(), request, request_id)
        if not response.prepared:
            response.headers.setdefault("x-request-id", request_id)
            response.headers.setdefault("server", "headrace")
            response.headers.update(cors_for(request.headers.get("origin"), origins))
        return response

    def _unknown_route(self, request: web.Request) -> NotFound:
        path = request.path[:100]
        near = difflib.get_close_matches(path, self._paths, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        return NotFound(f"There is no route {request.method[:20]} {path!r}.{hint}")


def _told(error: GatewayError, request: web.Request, request_id: str) -> web.Response:
    """In the words of who asks."""
    response = error_response(error, request_id)
    if is_anthropics(request.path, request.headers):
        response.set_status(error.status_in("anthropic_messages"))
        response.body = render_error(error)
    return response


def _method_not_allowed(error: web.HTTPMethodNotAllowed) -> MethodNotAllowed:
    allowed = ", ".join(sorted(error.allowed_methods))
    return MethodNotAllowed(f"This route takes {allowed}.", headers={"allow": allowed})
