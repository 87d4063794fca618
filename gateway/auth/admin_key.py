"""The owner's key for the admin API: given in the settings, or made at first start and kept in the data dir."""

import hmac
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from gateway.auth.keys import ADMIN_KEY_PREFIX, digest, new_secret

FILE_NAME = "admin_key"


@dataclass(frozen=True, slots=True)
class AdminKey:
    """The key, and whether this start made it."""

    secret: str = field(repr=False)
    made: bool

    @property
    def hash(self) -> str:
        """What the workers are given."""
        return digest(self.secret)


def load_admin_key(data_dir: Path, given: str | None = None) -> AdminKey:
    """The key that was given, else the data dir's, which is made when there is none.

    Raises OSError when the file can't be read or written. The caller holds the data dir's lock.
    """
    if given:
        return AdminKey(given, made=False)
    path = data_dir / FILE_NAME
    secret = read_admin_key(data_dir)
    if secret is not None:
        # An owner who copied the file about may have widened its mode; only we and he need it.
        path.chmod(0o600)
        return AdminKey(secret, made=False)
    secret = new_secret(ADMIN_KEY_PREFIX)
    _write_private(path, secret)
    return AdminKey(secret, made=True)


def read_admin_key(data_dir: Path) -> str | None:
    """The data dir's key, if there is one. For the command line, on the gateway's own machine."""
    try:
        return (data_dir / FILE_NAME).read_text(encoding="ascii").strip() or None
    except FileNotFoundError:
        return None


def is_admin(presented: str | None, admin_key_hash: str) -> bool:
    """Whether this is the owner's key. Hashes are compared, in constant time, so that no part of it can be guessed."""
    return presented is not None and hmac.compare_digest(digest(presented), admin_key_hash)


def _write_private(path: Path, secret: str) -> None:
    """Whole or not at all, and never readable by others: `mkstemp` opens with mode 0600."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secret + "\n")
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).replace(path)
