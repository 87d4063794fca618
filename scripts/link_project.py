"""Makes this checkout importable in the environment that runs this script, with a `headrace` command.

What an editable install would do, without what it would need: a build backend, which is no part of the lock files.
"""

import shlex
import sys
import sysconfig
from pathlib import Path


def main() -> None:
    """Write the path file and the command."""
    root = Path(__file__).resolve().parent.parent
    Path(sysconfig.get_path("purelib"), "headrace.pth").write_text(f"{root}\n", encoding="utf-8")
    command = Path(sysconfig.get_path("scripts"), "headrace")
    # A shell script, since the kernel cuts a long path to an interpreter off.
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m gateway "$@"\n', encoding="utf-8")
    command.chmod(0o755)


if __name__ == "__main__":
    main()
