"""What several rows of compatible.py have in common."""

from backends.types import Quirks

# Two names of one limit: OpenAI's newer one is read by few others, and the older one refused by its newer models.
NEW_LIMIT = (("max_tokens", "max_completion_tokens"),)
OLD_LIMIT = (("max_completion_tokens", "max_tokens"),)

RESPONSES = frozenset({"openai_responses"})
MESSAGES = frozenset({"anthropic_messages"})
TEXT = frozenset({"openai_completions", "openai_embeddings"})
HEARD = frozenset({"openai_transcriptions", "openai_translations"})
_ALL_OF_OPENAI = RESPONSES | TEXT | HEARD | {"openai_moderations", "openai_images", "openai_speech"}

# https://platform.openai.com/docs/guides/latest-model: models that always reason take no sampling parameters.
_SAMPLING = frozenset(
    {"temperature", "top_p", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias"}
)
_ALWAYS_REASON = ("o1*", "o3*", "o4*", "gpt-5", "gpt-5-mini*", "gpt-5-nano*", "gpt-5-20*")
_REASONS = tuple((pattern, _SAMPLING) for pattern in _ALWAYS_REASON)

# https://docs.x.ai/docs/guides/reasoning: refused by the models that reason; effort is known to few of them.
_PENALTIES = frozenset({"presence_penalty", "frequency_penalty"})
GROKS = (
    *(
        (pattern, _PENALTIES | {"reasoning_effort"})
        for pattern in ("grok-4", "grok-4-0*", "grok-4-fast*", "grok-code*")
    ),
    ("grok-3-mini*", _PENALTIES),
)

AS_OPENAI = Quirks(
    dialects=_ALL_OF_OPENAI,
    renamed=NEW_LIMIT,
    dropped_for=_REASONS,
    cache_control=False,
    reasoning_field="",
    reasoning_switch="effort",
)
# A server in front of open models, as most are built: the older limit, no `developer`, reasoning as DeepSeek has it.
OPEN_MODELS = Quirks(
    dialects=TEXT, renamed=OLD_LIMIT, developer_role=False, cache_control=False, reasoning_field="reasoning_content"
)
ON_THIS_MACHINE = Quirks(dialects=TEXT | RESPONSES | MESSAGES, renamed=OLD_LIMIT)
ZHIPU = Quirks(
    dialects=MESSAGES | {"openai_embeddings"},
    paths=(("anthropic_messages", "/api/anthropic/v1/messages"),),
    renamed=OLD_LIMIT,
    dropped=frozenset({"n", "logprobs", "top_logprobs", "logit_bias", "presence_penalty", "frequency_penalty"}),
    json_schema=False,
    developer_role=False,
    reasoning_field="reasoning_content",
    reasoning_switch="thinking",
)
