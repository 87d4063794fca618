"""What does not fit into a context window, as Anthropic says it: coding agents read the numbers and send less.

https://docs.anthropic.com/en/docs/build-with-claude/context-windows
"""

import re

_WINDOW = re.compile(
    r"(?i)(?:maximum (?:context|model) length (?:is|of)|max_model_len=|limit for this model is|tokens allowed \()"
    r" ?(\d+)"
)
_PROMPT = (
    re.compile(r"(?i)(\d+) (?:in the messages|of text input)"),
    re.compile(
        r"(?i)(?:messages resulted in|you requested(?: about)?|your request has|prompt (?:contains|has)(?: at least)?"
        r"|prompt \(length|input token count \() ?(\d+)"
    ),
)
_ANSWER = re.compile(
    r"(?i)(\d+) in the (?:completion|output)|max_(?:completion_)?tokens'?(?: or '\w+')?(?: is too large:|=) ?(\d+)"
)
_ITS_OWN = re.compile(r"(?i)prompt is too long|exceed context limit")


def in_anthropics_words(message: str) -> str:
    """The message as Anthropic would have put it, with the numbers where the provider gave them."""
    if _ITS_OWN.search(message):
        return message
    window, answer = _found(_WINDOW, message), _found(_ANSWER, message)
    prompt = next((count for pattern in _PROMPT if (count := _found(pattern, message))), 0)
    if window and prompt and answer and prompt <= window:
        return (
            f"input length and `max_tokens` exceed context limit: {prompt} + {answer} > {window}, "
            "decrease input length or `max_tokens` and try again"
        )
    if window and prompt and prompt > window:
        return f"prompt is too long: {prompt} tokens > {window} maximum"
    if answer and not prompt:
        return message
    return f"prompt is too long: {message}"


def _found(pattern: re.Pattern[str], message: str) -> int:
    found = pattern.search(message)
    return int(next(group for group in found.groups() if group)) if found else 0
