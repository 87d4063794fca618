"""What every answer carries, and what a caller's headers are held to."""

import re
import secrets
from collections.abc import Mapping
from itertools import count
from typing import Final

from aiohttp import web

from gateway.auth.keys import presented_key
from gateway.errors import InvalidRequest

_GOOD_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class RequestIds:
    """Ids for requests that bring none: a random start for each process, then a count. Cheaper than a UUID."""

    def __init__(self) -> None:
        self._prefix = f"req-{secrets.token_hex(6)}-"
        self._count = count(1)

    def of(self, request: web.BaseRequest) -> str:
        """The caller's `x-request-id` where it is plain text of at most 128 characters, else a new one."""
        return self.keep(request.headers.get("x-request-id"))

    def keep(self, given: str | None) -> str:
        """The id that the caller gave where it is good, else a new one."""
        if given is not None and _GOOD_ID.fullmatch(given):
            return given
        return f"{self._prefix}{next(self._count):x}"


def key_of(request: web.BaseRequest) -> str | None:
    """The key that the request carries. Two `Authorization` headers are refused (RFC 6750, section 3.1)."""
    headers = request.headers
    authorization = headers.getall("authorization", [])
    if len(authorization) > 1:
        raise InvalidRequest("The request has more than one 'Authorization' header.", param="authorization")
    return presented_key(authorization[0] if authorization else None, headers.get("x-api-key"))


def cors_for(origin: str | None, origins: tuple[str, ...]) -> Mapping[str, str]:
    """Headers that let a browser that comes from an allowed `origin` read the answer.

    https://fetch.spec.whatwg.org/#http-cors-protocol
    """
    if origin is None or not origins or (origin not in origins and "*" not in origins):
        return {}
    return {
        "access-control-allow-origin": origin,
        "vary": "origin",
        "access-control-expose-headers": "x-request-id, x-headrace-target, x-headrace-attempts, x-headrace-cost-usd, "
        "x-headrace-explain, x-headrace-ignored",
    }


def preflight(request: web.BaseRequest, origins: tuple[str, ...]) -> web.Response:
    """The answer to a browser that asks whether it may: yes only for an allowed origin."""
    allowed = dict(cors_for(request.headers.get("origin"), origins))
    if allowed:
        allowed |= {
            "access-control-allow-methods": "GET, POST, OPTIONS",
            "access-control-allow-headers": "authorization, content-type, x-api-key, x-request-id, x-headrace-tags, "
            "x-headrace-timeout, x-headrace-explain, idempotency-key, anthropic-version, anthropic-beta",
            "access-control-max-age": "600",
        }
    return web.Response(status=204, headers={"server": "headrace", **allowed})
