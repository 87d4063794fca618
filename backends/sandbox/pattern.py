"""A text that a regular expression matches: the shortest, or with each open repetition made longer.

It only ever generates. Running a caller's expression could take for ever, and this process serves others too.
Look-arounds, back references and flags are refused: invented text could not be trusted to fit them.
"""

from dataclasses import dataclass

MAX_CHARS = 10_000

_CLASSES = {"d": "0", "w": "a", "s": " ", "D": "a", "W": " ", "S": "a"}
_MEMBERS = {
    "d": frozenset("0123456789"),
    "w": frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"),
    "s": frozenset(" \t\n\r\f\v"),
}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v"}
_PRINTABLE = "a0 bcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ123456789_-.,:;!?@#$%&*+=/\\|~^'\"`()[]{}<>"


class UnsupportedPatternError(ValueError):
    """An expression that no text is invented for."""


def matching(pattern: str, extra: int = 0) -> str:
    """A text for this pattern; each `*`, `+` and `{n,}` repeats `extra` times more than it must."""
    parser = _Parser(pattern, extra)
    text = parser.alternatives()
    if parser.at < len(pattern):
        raise UnsupportedPatternError(f"unbalanced ')' at {parser.at}")
    return text


@dataclass(slots=True)
class _Parser:
    """Recursive descent over the pattern; each verb returns a text for what it has read."""

    pattern: str
    extra: int
    at: int = 0
    depth: int = 0

    def alternatives(self) -> str:
        first = self._sequence()
        while self._peek() == "|":
            self.at += 1
            self._sequence()
        return first

    def _sequence(self) -> str:
        parts: list[str] = []
        size = 0
        while self._peek() not in ("", "|", ")"):
            atom = self._atom()
            low, high = self._repetition()
            times = low if high is not None and high <= low else low + self.extra
            if high is not None:
                times = min(times, high)
            size += len(atom) * times
            if size > MAX_CHARS:
                raise UnsupportedPatternError("its shortest match is too long")
            parts.append(atom * times)
        return "".join(parts)

    def _atom(self) -> str:
        char = self._next()
        if char == "(":
            return self._group()
        if char == "[":
            return self._set()
        if char == "\\":
            return self._escape()
        if char in "^$":
            return ""
        if char in "*+?{":
            if char != "{":
                raise UnsupportedPatternError(f"nothing to repeat at {self.at - 1}")
            return char
        return "a" if char == "." else char

    def _group(self) -> str:
        self.depth += 1
        if self.depth > 50:
            raise UnsupportedPatternError("groups are nested too deeply")
        if self._peek() == "?":
            self.at += 1
            self._group_kind()
        text = self.alternatives()
        if self._next() != ")":
            raise UnsupportedPatternError("missing ')'")
        self.depth -= 1
        return text

    def _group_kind(self) -> None:
        """`(?:…)`, `(?<name>…)` and `(?P<name>…)` are groups like others."""
        rest = self.pattern[self.at :]
        if rest.startswith(":"):
            self.at += 1
        elif rest.startswith(("<", "P<")) and not rest.startswith(("<=", "<!")) and ">" in rest:
            self.at += rest.index(">") + 1
        else:
            raise UnsupportedPatternError("look-arounds, flags and references are not supported")

    def _escape(self) -> str:
        char = self._next()
        if char in _CLASSES:
            return _CLASSES[char]
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char in "ux":
            return self._code_point(4 if char == "u" else 2)
        if char in "bAZz":
            return ""
        if char.isalnum():
            raise UnsupportedPatternError(f"\\{char} is not supported")
        return char

    def _code_point(self, digits: int) -> str:
        text = self.pattern[self.at : self.at + digits]
        self.at += digits
        try:
            return chr(int(text, 16))
        except ValueError:
            raise UnsupportedPatternError(f"bad code point {text!r}") from None

    def _set(self) -> str:
        negated = self._peek() == "^"
        if negated:
            self.at += 1
        members: list[str | frozenset[str] | tuple[str, str]] = []
        while True:
            char = self._next()
            if char == "]" and members:
                break
            members.append(self._member(char))
        if not negated:
            first = members[0]
            return first if isinstance(first, str) else min(first)
        for candidate in _PRINTABLE:
            if not any(_holds(member, candidate) for member in members):
                return candidate
        raise UnsupportedPatternError("a set that leaves nothing")

    def _member(self, char: str) -> str | frozenset[str] | tuple[str, str]:
        if char == "\\":
            if self._peek() in _MEMBERS:
                return _MEMBERS[self._next()]
            char = self._escape()
        if self._peek() == "-" and self.pattern[self.at + 1 : self.at + 2] not in ("]", ""):
            self.at += 1
            last = self._next()
            return char, self._escape() if last == "\\" else last
        return char

    def _repetition(self) -> tuple[int, int | None]:
        """How often the atom before must and may stand; None: as often as one likes."""
        char = self._peek()
        bounds: tuple[int, int | None] = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(char, (1, 1))
        if char == "{":
            found = self._counted()
            if found is None:
                return 1, 1
            bounds = found
        elif char not in ("*", "+", "?"):
            return 1, 1
        else:
            self.at += 1
        if self._peek() in ("?", "+"):  # lazy or possessive: the same texts
            self.at += 1
        return bounds

    def _counted(self) -> tuple[int, int | None] | None:
        end = self.pattern.find("}", self.at)
        low, comma, high = self.pattern[self.at + 1 : end].partition(",")
        if end < 0 or not low.isdecimal() or (high and not high.isdecimal()) or len(low) > 6 or len(high) > 6:
            return None  # a literal brace
        self.at = end + 1
        if not comma:
            return int(low), int(low)
        return int(low), int(high) if high else None

    def _peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def _next(self) -> str:
        char = self._peek()
        if not char:
            raise UnsupportedPatternError("it ends too early")
        self.at += 1
        return char


def _holds(member: str | frozenset[str] | tuple[str, str], char: str) -> bool:
    if isinstance(member, tuple):
        return member[0] <= char <= member[1]
    return char in member
