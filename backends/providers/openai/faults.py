"""Whose fault an error answer is, by the words that providers have for it, then by its status.

Pages: https://platform.openai.com/docs/guides/error-codes, https://console.groq.com/docs/errors,
https://docs.z.ai/api-reference/api-code, https://platform.minimax.io/docs/api-reference/errorcode,
https://openrouter.ai/docs/api-reference/errors, https://www.alibabacloud.com/help/en/model-studio/error-code,
https://learn.microsoft.com/azure/ai-services/openai/concepts/content-filter,
https://platform.moonshot.ai/docs/api/chat#error-codes
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from backends.errors import Fault

_BY_WORD: Mapping[str, Fault] = MappingProxyType(
    {
        "insufficient_quota": Fault.QUOTA,
        "billing_hard_limit_reached": Fault.QUOTA,
        "billing_not_active": Fault.QUOTA,
        "insufficient_balance": Fault.QUOTA,
        "exceeded_current_quota_error": Fault.QUOTA,  # Moonshot
        "arrearage": Fault.QUOTA,  # DashScope
        "1113": Fault.QUOTA,  # Z.ai
        "1008": Fault.QUOTA,  # MiniMax
        "context_length_exceeded": Fault.CONTEXT_LENGTH,
        "exceed_context_size_error": Fault.CONTEXT_LENGTH,  # llama.cpp
        "too_many_prompt_tokens": Fault.CONTEXT_LENGTH,  # Perplexity
        "tokens_limit_reached": Fault.CONTEXT_LENGTH,  # GitHub Models
        "1261": Fault.CONTEXT_LENGTH,  # Z.ai
        "1039": Fault.CONTEXT_LENGTH,  # MiniMax
        "content_filter": Fault.CONTENT_POLICY,
        "content_policy_violation": Fault.CONTENT_POLICY,
        "responsible_ai_policy_violation": Fault.CONTENT_POLICY,
        "responsibleaipolicyviolation": Fault.CONTENT_POLICY,
        "data_inspection_failed": Fault.CONTENT_POLICY,  # DashScope
        "datainspectionfailed": Fault.CONTENT_POLICY,
        "1301": Fault.CONTENT_POLICY,  # Z.ai
        "1026": Fault.CONTENT_POLICY,  # MiniMax: what was asked
        "1027": Fault.CONTENT_POLICY,  # MiniMax: what would be answered
        "model_not_found": Fault.MODEL,
        "model_decommissioned": Fault.MODEL,  # Groq
        "model_not_available": Fault.MODEL,
        "deploymentnotfound": Fault.MODEL,  # Azure
        "unknown_model": Fault.MODEL,  # GitHub Models
        "unavailable_model": Fault.MODEL,
        "invalid_model": Fault.MODEL,  # Mistral
        "1211": Fault.MODEL,  # Z.ai
        # What Groq's check found wrong in the model's own answer: nobody's but this model's.
        "tool_use_failed": Fault.MODEL,
        "json_validate_failed": Fault.MODEL,
        "invalid_api_key": Fault.CREDENTIAL,
        "authentication_error": Fault.CREDENTIAL,
        "1004": Fault.CREDENTIAL,  # MiniMax
        "2049": Fault.CREDENTIAL,
    }
)
_WORDS_OF_A_400 = (400, 402, 403, 404, 413, 422, 429)
"""Statuses under which a word says more than the status does."""

_BY_MESSAGE: tuple[tuple[re.Pattern[str], Fault], ...] = (
    (
        re.compile(
            r"(?i)max(?:imum)? context length|context[_ ]length|context window|prompt is too long|prompt too long"
            r"|available context size|total length of all messages is too long|range of input length"
            r"|reduce the length of the (?:messages|prompt|input)"
        ),
        Fault.CONTEXT_LENGTH,
    ),
    (
        # Some say so with a 400: xAI, Gemini's endpoint.
        re.compile(r"(?i)(?:incorrect|invalid) api[ _-]?key|api key not valid|api_key_invalid"),
        Fault.CREDENTIAL,
    ),
    (
        re.compile(
            r"(?i)is not a valid model(?: id)?\b|invalid model\b|model\b.{0,120}?\bdoes not exist|no endpoints found"
            r"|model\b.{0,120}?\bnot found|not allowed to sample from this model|supported api model names"
            r"|model\b.{0,120}?\b(?:was deprecated|has been decommissioned)"
        ),
        Fault.MODEL,
    ),
    (
        re.compile(r"(?i)content violates usage guidelines|content management policy|violates? .{0,40}usage polic"),
        Fault.CONTENT_POLICY,
    ),
    (re.compile(r"(?i)insufficient (?:balance|credits|quota)|exceeded your current quota"), Fault.QUOTA),
)


def fault_of(status: int, words: tuple[str, ...], text: str) -> Fault:
    """`words` are the error's codes and type, the most telling first; `text` is its message, and a nested one's."""
    if status < 400:  # a redirect, say: never followed, and no fault of the caller's
        return Fault.CAPACITY
    if status == 401:
        return Fault.CREDENTIAL
    said = _said(status, words, text)
    if said is not None:
        return said
    if status == 402:
        return Fault.QUOTA
    if status == 403:
        return Fault.CREDENTIAL
    if status in (404, 405, 501):  # 501: llama.cpp, of a route that its model can't serve; it chats all the same
        return Fault.MODEL
    if status == 413 and "rate_limit_exceeded" in words:  # Groq: larger than a whole minute's tokens
        return Fault.QUOTA
    if status in (408, 409, 425, 429, 498) or status >= 500:  # 498: Groq's, no room in the flexible tier
        return Fault.CAPACITY
    return Fault.CALLER


def _said(status: int, words: tuple[str, ...], text: str) -> Fault | None:
    if status not in _WORDS_OF_A_400:
        return None
    for word in words:
        fault = _BY_WORD.get(word.lower())
        if fault is not None:
            return fault
    if status == 429:  # "reduce the length" here speaks of a minute's tokens
        return None
    return next((fault for pattern, fault in _BY_MESSAGE if pattern.search(text)), None)
