"""Which dialects a target can be asked in: its protocol's own and those it passes on, and what is translated for it.

Known at load, so that nobody is tried in vain. A test holds this table against the adapters themselves.
"""

from collections.abc import Mapping
from types import MappingProxyType

from backends.providers.vertex.address import is_claude
from backends.types import ChatRequest, Target

_CHATS = frozenset({"openai_chat", "openai_responses", "anthropic_messages", "anthropic_count_tokens"})
"""They meet in the common form: whoever answers chats can be asked in these, if the request itself can be translated.
"""
_LIKE_OPENAI = frozenset({"openai", "azure", "vllm", "sandbox"})
_ANYWHERE = frozenset(
    {
        "openai_completions",
        "openai_embeddings",
        "rerank",
        "openai_moderations",
        "openai_images",
        "openai_speech",
        "openai_transcriptions",
        "openai_translations",
    }
)
"""Asked also of a server that speaks OpenAI's protocol and of which no more is known."""
_TRANSLATED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "openai_embeddings": frozenset({"gemini", "vertex", "cohere"}),
        "rerank": frozenset({"cohere"}),
    }
)
_ANTHROPICS = frozenset({"anthropic_messages", "anthropic_count_tokens"})


def understands(dialect: str, target: Target) -> bool:
    """Whether it is spoken there, so that bytes pass."""
    if target.protocol in _LIKE_OPENAI:
        known = target.quirks.dialects
        if dialect == "openai_responses":
            return dialect in known
        return dialect == "openai_chat" or (dialect in _ANYWHERE and (dialect in known or not known))
    if dialect in _ANTHROPICS:
        return target.protocol == "anthropic" or (target.protocol == "vertex" and is_claude(target.model))
    return False


def not_carried(chat: ChatRequest, target: Target) -> str | None:
    """Why this request can't be put to this target at all; None: it can, as far as the dialect goes."""
    if chat.own_answer is not None or understands(chat.dialect, target):
        return None
    if chat.untranslated is not None and chat.dialect in _CHATS:
        return f"'{chat.untranslated[0]}' is known to {chat.dialect} only"
    if chat.dialect in _CHATS:
        return None
    if target.protocol in _TRANSLATED.get(chat.dialect, ()) and not _is_claude_elsewhere(target):
        return None
    return f"its provider has no route for {chat.dialect.removeprefix('openai_')}"


def _is_claude_elsewhere(target: Target) -> bool:
    return target.protocol == "vertex" and is_claude(target.model)
