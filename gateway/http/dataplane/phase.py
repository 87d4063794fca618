"""What a connection is waiting for."""

from typing import Final


class Phase:
    """Plain numbers: an Enum's members cost a tenth of a microsecond a look."""

    IDLE: Final = 0
    """A request."""
    HEAD: Final = 1
    """The rest of a head."""
    BODY: Final = 2
    """The rest of a body."""
    ANSWER: Final = 3
    """The end of the answer under way."""
    LINGER: Final = 4
    """The caller to read our last words and hang up."""
    CLOSED: Final = 5
    """The transport to get rid of what was written."""
    NAMES: Final = ("idle", "head", "body", "answer", "linger", "closed")
