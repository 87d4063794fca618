"""Speaks to a running gateway's admin API, for all commands that do.

On the gateway's own machine nothing needs to be said: its data dir names its address and holds the admin key.
"""

import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import typer

from gateway.auth.admin_key import read_admin_key
from gateway.cli.output import say_error
from gateway.config import Settings, SettingsError, load_settings

ADDRESS_FILE = "gateway.json"
TIMEOUT_S = 30.0


class CommandFailed(Exception):
    """Refused or failed; the message is for the person at the terminal."""


@contextmanager
def reported() -> Iterator[None]:
    """Within: what fails is told on stderr, and the command ends with status 1 (2: a setting is wrong)."""
    try:
        yield
    except SettingsError as error:
        say_error(str(error))
        raise typer.Exit(2) from None
    except CommandFailed as error:
        say_error(str(error))
        raise typer.Exit(1) from None


@dataclass(frozen=True, slots=True)
class Client:
    """One gateway's admin API. http.client follows no redirect: the key goes where it was sent and nowhere else."""

    url: str
    admin_key: str = field(repr=False)

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """A reading."""
        given = {name: value for name, value in (query or {}).items() if value is not None}
        return self._ask("GET", f"{path}?{urlencode(given)}" if given else path)

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """A change."""
        return self._ask(method, path, body)

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        parts = urlsplit(self.url)
        headers = {"authorization": f"Bearer {self.admin_key}", "accept": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        if content is not None:
            headers["content-type"] = "application/json"
        connection = _connection(self.url)
        try:
            connection.request(method, parts.path.rstrip("/") + path, content, headers)
            response = connection.getresponse()
            status, raw = response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise CommandFailed(
                f"No gateway answers at {self.url} ({_reason(error)}). Start one with `headrace serve`, or name "
                "another in HEADRACE_URL."
            ) from error
        finally:
            connection.close()
        return _read(status, raw, self.url)


def connect() -> Client:
    """The gateway that HEADRACE_URL and HEADRACE_ADMIN_KEY name, or the one of this machine's data dir."""
    settings = load_settings()
    secret = settings.admin_key.get_secret_value() if settings.admin_key else _own_admin_key(settings)
    return Client((settings.url or _own_address(settings)).rstrip("/"), secret)


def path_of(*parts: str) -> str:
    """A path below /admin/v1, its parts escaped."""
    return "/".join(["/admin/v1", *(quote(part, safe="") for part in parts)])


def _own_admin_key(settings: Settings) -> str:
    try:
        secret = read_admin_key(settings.data_dir)
    except OSError as error:
        raise CommandFailed(f"The admin key in {settings.data_dir} can't be read: {error.strerror}.") from error
    if secret is None:
        raise CommandFailed(
            f"No admin key: set HEADRACE_ADMIN_KEY, or HEADRACE_DATA_DIR to a gateway's data dir ({settings.data_dir} "
            "holds none)."
        )
    return secret


def _own_address(settings: Settings) -> str:
    """Where the gateway of this data dir says it is, else where these settings would put it."""
    try:
        return str(json.loads((settings.data_dir / Path(ADDRESS_FILE)).read_bytes())["url"])
    except FileNotFoundError:
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104 - not bound to
        return f"http://{host}:{settings.port}"
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CommandFailed(f"{settings.data_dir / ADDRESS_FILE} can't be read; set HEADRACE_URL.") from error


def _connection(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    try:
        if parts.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S, context=context)
        return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    except (ValueError, http.client.InvalidURL) as error:
        raise CommandFailed(f"{url} is not an address.") from error


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()


def _read(status: int, raw: bytes, url: str) -> Any:
    try:
        body = json.loads(raw) if raw else {}
    except ValueError:
        body = None
    if 200 <= status < 300 and body is not None:
        return body
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        raise CommandFailed(f"{url} answered {status}, and not as a Headrace gateway does.")
    if status == 401:
        raise CommandFailed(
            f"{url} does not know this admin key. Set HEADRACE_ADMIN_KEY to the one it was started with."
        )
    raise CommandFailed(f"{error.get('message') or 'refused'} ({error.get('code') or status})")
