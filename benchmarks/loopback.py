"""Small calls to what runs on this machine: a free port, one HTTP exchange, waiting until something answers."""

import http.client
import json
import socket
import time
from collections.abc import Mapping
from typing import Any

from benchmarks.child import Child, DidNotStart


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def call(
    port: int,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    timeout_s: float = 10.0,
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request(method, path, body=body, headers={"content-type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def get_json(port: int, path: str) -> Any:
    _, body = call(port, "GET", path)
    return json.loads(body)


def wait_until_ok(
    child: Child,
    port: int,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    limit_s: float = 90.0,
) -> float:
    """Poll until the answer is 200; seconds since the child's start. Its log's end is in the error when it never is."""
    last = "no connection"
    while time.monotonic() < child.started_at + limit_s:
        if not child.alive:
            raise DidNotStart(f"it ended before it was ready:\n{child.log_tail()}")
        try:
            status, answer = call(port, method, path, headers=headers, body=body)
        except (OSError, http.client.HTTPException) as error:
            last = repr(error)
        else:
            if status == 200:
                return time.monotonic() - child.started_at
            last = f"{status} {answer[:300]!r}"
        time.sleep(0.02)
    raise DidNotStart(f"not ready after {limit_s:.0f} s (last answer: {last}):\n{child.log_tail()}")
