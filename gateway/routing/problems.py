"""What is wrong with a routing file, and where: values that a person at a terminal reads."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

Path = tuple[str | int, ...]
"""Where in the file: `("models", "qwen3", "targets", 0)`."""

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file; lines and columns count from 1."""

    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    mark: Mark
    where: str
    message: str

    def __str__(self) -> str:
        where = f"{self.where}: " if self.where else ""
        return f"{self.mark.file}:{self.mark.line}:{self.mark.column}: {where}{self.message}"


class RulesError(Exception):
    """The file can't take effect. All that is wrong is listed, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems), key=lambda p: (p.mark.file, p.mark.line, p.mark.column, p.message)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def show_path(path: Path) -> str:
    """`models.qwen3.targets[0].provider`; a key that has dots of its own is quoted."""
    shown = ""
    for part in path:
        if isinstance(part, int):
            shown += f"[{part}]"
        else:
            key = part if _PLAIN_KEY.fullmatch(part) else '"' + printable(part) + '"'
            shown += f".{key}" if shown else key
    return shown


def printable(text: str, limit: int = 100) -> str:
    """At most so many characters of a text that somebody else wrote, control characters escaped."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'qwen'?`, or nothing when nothing is near."""
    near = nearest(name, known)
    return f"; did you mean '{near}'?" if near else ""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like this one."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    found = get_close_matches(name[:256].lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def one_of(names: Sequence[str], limit: int = 12) -> str:
    """A short listing for a message."""
    shown = ", ".join(printable(name, 64) for name in names[:limit])
    return shown + ", …" if len(names) > limit else shown
