"""What a request mentions that an invented value had better repeat: numbers, and words in quotes.

Asked for `magic_function(3)`, a model calls the tool with 3; so does the sandbox, without understanding a word.
"""

import re
from dataclasses import dataclass, field
from typing import Self

MENTIONS_CHARS = 4096
"""How much of a message is searched; the rest of a long one tells little and costs time."""

_NUMBER = re.compile(r"(?<![\w.])-?\d{1,15}(?:\.\d{1,15})?(?!\w)")
_QUOTED = re.compile(r"""(?<!\w)(?:'([^'\n]{1,80})'|"([^"\n]{1,80})"|`([^`\n]{1,80})`)(?!\w)""")


@dataclass(slots=True)
class Hints:
    """Values to be used up in the order in which they were mentioned."""

    numbers: list[float] = field(default_factory=list)
    quoted: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, text: str) -> Self:
        """The mentions in a text."""
        head = text[:MENTIONS_CHARS]
        return cls(
            numbers=[float(number) for number in _NUMBER.findall(head)],
            quoted=["".join(groups) for groups in _QUOTED.findall(head)],
        )
