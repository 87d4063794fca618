"""Which request parameters reach a target, in OpenRouter's words: `supported_parameters` of GET /v1/models.

What a protocol has words for, less what its provider leaves out or refuses. Whether the model behind it is any good at
it, only the routing file can say (`capabilities`). A test holds this table against the conformance matrix.
"""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType

from backends.providers.vertex.address import is_claude
from backends.types import Quirks, Target

_EVERYWHERE = frozenset(
    {
        "max_tokens",
        "temperature",
        "top_p",
        "stop",
        "tools",
        "tool_choice",
        "response_format",
        "structured_outputs",
        "reasoning",
        "include_reasoning",
    }
)
_PENALTIES = frozenset({"seed", "frequency_penalty", "presence_penalty"})
_CHANCES = frozenset({"logprobs", "top_logprobs"})
_OPENAI = _EVERYWHERE | _PENALTIES | _CHANCES | {"n", "logit_bias", "parallel_tool_calls", "verbosity"}
_CLAUDE = _EVERYWHERE | {"top_k", "parallel_tool_calls"}
_GEMINI = _EVERYWHERE | _PENALTIES | _CHANCES | {"top_k", "n"}
CARRIED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "openai": _OPENAI,
        "azure": _OPENAI,
        "vllm": _OPENAI | {"top_k", "min_p", "repetition_penalty"},
        "sandbox": _EVERYWHERE | {"n", "seed"},
        "anthropic": _CLAUDE,
        "gemini": _GEMINI,
        "vertex": _GEMINI,
        "vertex (Claude)": _CLAUDE,
        "bedrock": _EVERYWHERE | {"top_k"},
        "cohere": _EVERYWHERE | _PENALTIES | _CHANCES | {"top_k"},
    }
)
"""By protocol. Fields that a protocol passes on without knowing them (`top_k` to OpenAI's) are not in it."""
OF_CAPABILITY: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "tools": frozenset({"tools", "tool_choice", "parallel_tool_calls"}),
        "json_schema": frozenset({"response_format", "structured_outputs"}),
        "json_object": frozenset({"response_format"}),
        "reasoning": frozenset({"reasoning", "include_reasoning"}),
        "logprobs": _CHANCES,
        "n": frozenset({"n"}),
    }
)
"""What a declared capability stands for. Where a model declares any, these are there only if they are declared."""
_DECLARABLE = frozenset().union(*OF_CAPABILITY.values())
_NAMED_OTHERWISE = MappingProxyType({"reasoning_effort": "reasoning", "max_completion_tokens": "max_tokens"})


def carried(target: Target, declared: Iterable[str] | None = None) -> frozenset[str]:
    """What reaches this target; `declared`: its capabilities, where the routing file names them."""
    protocol = target.protocol
    if protocol == "vertex" and is_claude(target.model):
        protocol = "vertex (Claude)"
    names = CARRIED.get(protocol, frozenset()) - _lacking(target.quirks, target.model)
    if declared is None:
        return names
    return names - _DECLARABLE | (names & _stood_for(declared))


def _stood_for(capabilities: Iterable[str]) -> frozenset[str]:
    return frozenset().union(*(OF_CAPABILITY.get(capability, frozenset()) for capability in capabilities))


def _lacking(quirks: Quirks, model: str) -> frozenset[str]:
    fields = quirks.dropped | quirks.refused
    fields = fields.union(*(names for pattern, names in quirks.dropped_for if fnmatchcase(model, pattern)))
    lacking = {_NAMED_OTHERWISE.get(field, field) for field in fields}
    if "tools" in lacking:
        lacking |= OF_CAPABILITY["tools"]
    if "reasoning" in lacking:
        lacking |= OF_CAPABILITY["reasoning"]
    if "response_format" in lacking:
        lacking |= OF_CAPABILITY["json_schema"]
    if not quirks.json_schema:
        lacking.add("structured_outputs")
    return frozenset(lacking)
