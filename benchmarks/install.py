"""Brings peers onto the machine, each in a place of its own, from lock files; says plainly why one can't be had."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = Path(__file__).resolve().parent / "locks"
_MARKER = "installed-from.sha256"
_LIMIT_S = 600


class Unavailable(Exception):
    """A peer that this machine can't run; the run goes on without it, and says so."""


def venv(name: str, lock: Path, packages: str) -> Path:
    """A virtual environment holding exactly what the lock names; its Python. Kept while the lock stays the same."""
    folder = ROOT / f".venv-bench-{name}"
    python = folder / "bin" / "python"
    if _is_current(folder, lock):
        return python
    print(f"installing {packages} into {folder.name} (first use)", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(folder)])
    # Wheels only: building from source would run a package's own code at install time.
    options = ["--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:"]
    _run([str(python), "-m", "pip", "install", *options, "-r", str(lock)])
    _mark(folder, lock)
    return python


def version(python: Path, distribution: str) -> str:
    """The version of one package of a virtual environment made by `venv`."""
    site = next(python.parent.parent.glob("lib/python*/site-packages"))
    return next(iter(metadata.distributions(name=distribution, path=[str(site)]))).version


def npm_folder(name: str, source: Path) -> Path:
    """A folder under `.bench/` with the packages of a committed package-lock.json, install scripts not run."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        raise Unavailable("npm and node are not on this machine")
    folder = scratch() / name
    lock = source / "package-lock.json"
    if _is_current(folder, lock):
        return folder
    print(f"installing {name} into {folder.relative_to(ROOT)} (first use)", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file in ("package.json", "package-lock.json"):
        shutil.copy(source / file, folder / file)
    _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder)
    _mark(folder, lock)
    return folder


def debian_package(name: str, program: str) -> Path:
    """A system package's program; installed when we may, which is as root on Debian."""
    found = _which(program)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"installing the Debian package {name} (first use)", file=sys.stderr)
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        _run(["apt-get", "update", "-qq"], env=quiet)
        _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", name], env=quiet)
        found = _which(program)
    if found is None:
        raise Unavailable(f"{program} is not installed (Debian package {name}), and only root on Debian may install it")
    return found


def scratch() -> Path:
    """`.bench/`, kept out of version control by a file of its own."""
    folder = ROOT / ".bench"
    folder.mkdir(exist_ok=True)
    (folder / ".gitignore").write_text("*\n")
    return folder


def _which(program: str) -> Path | None:
    # /usr/sbin is where Debian puts servers, and it is often not in a user's PATH.
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    return Path(found) if found else None


def _run(command: Sequence[str], *, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    try:
        done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{' '.join(command[:4])} took longer than {_LIMIT_S} s") from error
    if done.returncode != 0:
        reason = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise Unavailable(f"{' '.join(command[:4])} failed: {' / '.join(reason)}")


def _digest(lock: Path) -> str:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return hashlib.sha256(lock.read_bytes() + version.encode()).hexdigest()


def _is_current(folder: Path, lock: Path) -> bool:
    marker = folder / _MARKER
    return marker.is_file() and marker.read_text() == _digest(lock)


def _mark(folder: Path, lock: Path) -> None:
    (folder / _MARKER).write_text(_digest(lock))
