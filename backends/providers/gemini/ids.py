"""Ids of tool calls. Gemini gives none, as a rule, and callers need one to say which call a result belongs to.

Those that are made here are a function of the answer, so that two readings agree; they are recognised when they come
back, and left out: Gemini then goes by the order of calls and results, as it does by itself.
"""

import re

_MADE = "call_gm_"
_LONGEST_ANSWER_ID = 24
"""OpenAI allows forty characters in all: a conversation may go on there."""
_UNFIT = re.compile(r"[^A-Za-z0-9_-]")
"""Anthropic's rule for ids."""


def made_id(answer_id: str, candidate: int, number: int) -> str:
    """For the call of this number in a candidate of the answer."""
    return f"{_MADE}{_UNFIT.sub('', answer_id)[:_LONGEST_ANSWER_ID]}_{candidate}_{number}"


def is_ours(call_id: str) -> bool:
    """Whether it was made here."""
    return call_id.startswith(_MADE)
