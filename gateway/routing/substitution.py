"""`${NAME}`, `${NAME:-default}`, `${file:/path}` in a string of the routing file, and `$${` for a literal `${`.

Replaced after the YAML is parsed and in values only, so that no variable can add a key or break the file.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


class Unset(Exception):
    """A variable without a default is not set."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class BadReference(Exception):
    """The text between the braces, or the file it names, is no good. The message holds no value."""


@dataclass(slots=True)
class Substitution:
    """Replaces references, and remembers which files it has read."""

    environment: Mapping[str, str] = field(repr=False)
    read_file: Callable[[str], str] = field(repr=False)
    files: list[str] = field(default_factory=list)

    def apply(self, text: str) -> tuple[str, bool]:
        """The text with its references replaced, and whether there were any. Raises Unset and BadReference."""
        if "${" not in text:
            return text, False
        found = False

        def replace(match: re.Match[str]) -> str:
            nonlocal found
            if match.group() == "$${":
                return "${"
            if match.group(1) is None:
                raise BadReference("a '${' without its '}', or one inside another; '$${' is a literal '${'")
            found = True
            return self._value(match.group(1))

        return _REFERENCE.sub(replace, text), found

    def _value(self, reference: str) -> str:
        if reference.startswith("file:"):
            return self._contents(reference.removeprefix("file:"))
        match = _NAME.fullmatch(reference)
        if match is None:
            raise BadReference("a reference is ${NAME}, ${NAME:-default} or ${file:/path}; '$${' is a literal '${'")
        name, default = match.groups()
        value = self.environment.get(name)
        if not value and default is not None:
            return default
        if value is None:
            raise Unset(name)
        return value

    def _contents(self, path: str) -> str:
        self.files.append(path)
        try:
            return self.read_file(path).rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise BadReference(f"the file {path} can't be read: {reason or type(error).__name__}") from error
