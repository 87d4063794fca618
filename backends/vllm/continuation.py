"""How vLLM is asked to go on with an answer: the begun answer is the last message, and the template leaves it open.

Read off vLLM 0.32 (and its `continue_final_message`, which transformers' chat templates define): what the template
makes of the message is cut off behind the message's own text, without the blanks at its end; with thinking left on, the
reasoning parser would take all that follows for reasoning.
"""

from collections.abc import Mapping
from typing import Any

from backends.adapter import Begun
from backends.prefill import rewritten, what_is_left
from backends.types import ChatRequest

_OF_THINKING = frozenset({"thinking_token_budget", "add_generation_prompt", "continue_final_message"})


def continued(chat: ChatRequest, begun: Begun) -> ChatRequest | None:
    """The request that has the engine go on; None: there is no text to go on with, or no tokens are left to say it."""
    # Behind its reasoning the template puts the blank lines itself.
    text = begun.content.strip("\n").rstrip() if begun.reasoning else begun.content.rstrip()
    body = what_is_left(chat.body, begun)
    if body is None or not text.strip():
        return None
    earlier, last = chat.body["messages"], {"role": "assistant", "content": text}
    if chat.body.get("continue_final_message") is True:  # the caller's own begun answer
        *earlier, own = earlier
        if not isinstance(own.get("content"), str):
            return None
        last = {**own, "content": own["content"] + text}
    if begun.reasoning:
        last["reasoning"] = begun.reasoning
    given = chat.body.get("chat_template_kwargs")
    kept: dict[str, Any] = {name: value for name, value in body.items() if name not in _OF_THINKING}
    return rewritten(
        chat,
        {
            **kept,
            "messages": [*earlier, last],
            "continue_final_message": True,
            "add_generation_prompt": False,
            "chat_template_kwargs": {**(given if isinstance(given, Mapping) else {}), "enable_thinking": False},
        },
    )
