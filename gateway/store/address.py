"""Where Redis is: the URL of the settings, taken apart. redis-py refuses the sentinel and cluster forms."""

from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")
DEFAULT_PORTS = {"sentinel": 26379, "cluster": 6379}


class BadAddress(ValueError):
    """A Redis URL that says nothing we know; the message tells what is allowed and repeats no password."""


@dataclass(frozen=True, slots=True)
class Address:
    """One Redis deployment."""

    kind: str
    """single, sentinel or cluster."""
    url: str = field(repr=False)
    """As given: it may hold a password."""
    shown: str
    """For logs and errors."""
    nodes: tuple[tuple[str, int], ...] = ()
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    sentinel_password: str | None = field(default=None, repr=False)
    master: str = ""
    database: int = 0
    tls: bool = False


def parse_address(url: str) -> Address:
    """`redis://`, `rediss://`, `unix://`, `redis+sentinel://host:port,host:port/master/db`, `redis+cluster://host:port,...`."""
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        raise BadAddress(f"a Redis URL starts with one of {', '.join(f'{scheme}://' for scheme in SCHEMES)}")
    kind = parts.scheme.partition("+")[2] or "single"
    if kind == "single":
        shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        return Address(kind=kind, url=url, shown=shown)
    return _several(url, parts, kind)


def _several(url: str, parts: SplitResult, kind: str) -> Address:
    credentials, _, hosts = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    master, database = _master_and_database(parts.path) if kind == "sentinel" else ("", 0)
    query = parse_qs(parts.query)
    return Address(
        kind=kind,
        url=url,
        shown=f"{parts.scheme}://{hosts}{parts.path}",
        nodes=tuple(_node(host, DEFAULT_PORTS[kind]) for host in hosts.split(",")),
        username=unquote(username) or None,
        password=unquote(password) or None,
        sentinel_password=query.get("sentinel_password", [None])[0],
        master=master,
        database=database,
        tls=parts.scheme.startswith("rediss"),
    )


def _node(text: str, default_port: int) -> tuple[str, int]:
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    else:
        host, _, port = text.partition(":")
    if not host or (port and not port.isdigit()):
        raise BadAddress("a Redis URL names its nodes as host:port,host:port")
    return host, int(port or default_port)


def _master_and_database(path: str) -> tuple[str, int]:
    master, _, database = path.strip("/").partition("/")
    if not master or (database and not database.isdigit()):
        raise BadAddress("a sentinel URL ends in the master's name and a database: redis+sentinel://host:port/master/0")
    return unquote(master), int(database or 0)
