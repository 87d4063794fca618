"""What a Claude model takes, told from its name: the Messages protocol is one, but its fields come and go with models.

https://platform.claude.com/docs/en/about-claude/models/overview
https://platform.claude.com/docs/en/build-with-claude/thinking-troubleshooting
https://platform.claude.com/docs/en/build-with-claude/effort
"""

import re
from functools import lru_cache
from typing import NamedTuple

_SEPARATORS = re.compile(r"[-@:./_ ]+")
_LATEST = (5, 0)
"""A name without a version (a deployment's own) is taken for a current model: those are what new deployments hold."""
_ALWAYS_THINKS = frozenset({"fable", "mythos"})
_MOST_OUTPUT = (
    ((3, 0), 4096),
    ((3, 5), 8192),
    ((3, 7), 64_000),
)
"""Up to this version, this many tokens."""
_UNNAMED_MOST_OUTPUT = 32_000


class Claude(NamedTuple):
    """One model's manners."""

    family: str
    version: tuple[int, int]
    named: bool
    """The name gives a version."""

    @property
    def adaptive(self) -> bool:
        """Decides itself how long to think; `effort` guides it."""
        return self.version >= (4, 6)

    @property
    def takes_budgets(self) -> bool:
        """`thinking: {type: enabled, budget_tokens}` works; later models refuse it."""
        return self.version <= (4, 6)

    @property
    def thinks(self) -> bool:
        """Can think at all."""
        return self.version >= (3, 7)

    @property
    def thinks_unasked(self) -> bool:
        """Thinking is on by default."""
        return self.version >= (5, 0) or self.family in _ALWAYS_THINKS

    @property
    def can_be_stopped_thinking(self) -> bool:
        """Takes `thinking: {type: disabled}`."""
        return self.family not in _ALWAYS_THINKS and (self.version <= (5, 0) or self.family == "haiku")

    @property
    def hides_thinking(self) -> bool:
        """Gives no text of its thinking unless `display: summarized` is asked for."""
        return self.version >= (4, 7)

    @property
    def efforts(self) -> tuple[str, ...]:
        """The levels of `output_config.effort`, lowest first."""
        if self.version >= (4, 7):
            return ("low", "medium", "high", "xhigh", "max")
        return ("low", "medium", "high", "max") if self.version == (4, 6) else ()

    @property
    def takes_sampling(self) -> bool:
        """`temperature`, `top_p`, `top_k` work; later models answer 400 to other values than the default."""
        return self.version <= (4, 6) and self.family not in _ALWAYS_THINKS

    @property
    def takes_one_sampling(self) -> bool:
        """Refuses `temperature` and `top_p` together."""
        return self.version >= (4, 1)

    @property
    def takes_schemas(self) -> bool:
        """Structured outputs: `output_config.format`, and `strict` on tools. The betas' models were 4.1 and 4.5."""
        return self.version >= (4, 5) or (self.version == (4, 1) and self.family == "opus")

    @property
    def most_output(self) -> int:
        """The longest answer that may be asked for, thinking included.

        Opus 4 and 4.1 end at 32,000, the other fours before 4.6 at 64,000, Sonnet 4.6 too, all later ones at 128,000.
        """
        if not self.named:
            return _UNNAMED_MOST_OUTPUT
        for version, most in _MOST_OUTPUT:
            if self.version <= version:
                return most
        if self.version <= (4, 1) and self.family == "opus":
            return 32_000
        return 64_000 if self.version < (4, 6) or self[:2] == ("sonnet", (4, 6)) else 128_000


@lru_cache(maxsize=1024)
def claude(model: str) -> Claude:
    """From any name that a provider gives a Claude: `claude-3-7-sonnet-20250219`, `us.anthropic.claude-opus-4-6-v1:0`,
    `claude-opus-4-1@20250805`, `anthropic/claude-sonnet-4.5`.
    """
    words = _SEPARATORS.split(model.lower().rpartition("claude")[2])
    family = next((word for word in words if word.isalpha() and len(word) > 1 and word != "latest"), "")
    for at, word in enumerate(words):
        if word.isdigit() and len(word) <= 2:
            after = words[at + 1] if at + 1 < len(words) else ""
            minor = int(after) if after.isdigit() and len(after) <= 2 else 0
            return Claude(family, (int(word), minor), named=True)
    return Claude(family, _LATEST, named=False)
