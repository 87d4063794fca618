"""`supported_parameters`, held against the conformance matrix and against what providers are known to lack."""

import pytest

from backends.providers.compatible import KNOWN_PROVIDERS
from backends.types import Target
from gateway.catalog.parameters import CARRIED, carried
from tests.conformance.asks import CHAT
from tests.conformance.cells import State
from tests.conformance.matrix import FEATURES, Place, cell_at
from tests.conformance.upstream_table import UPSTREAMS

ROWS = {
    "max_tokens": "most tokens to write",
    "temperature": "temperature",
    "top_p": "top p",
    "top_k": "top k",
    "stop": "stop sequences",
    "tools": "tools, left to the model",
    "tool_choice": "tools, a named one",
    "parallel_tool_calls": "tools, one at a time",
    "structured_outputs": "answer by a schema",
    "response_format": "answer in JSON",
    "reasoning": "reasoning effort",
    "n": "several choices (n)",
    "logprobs": "log probabilities",
    "seed": "seed",
    "frequency_penalty": "penalties",
    "presence_penalty": "penalties",
    "logit_bias": "token bias",
    "verbosity": "verbosity",
}
"""The parameter, and the row of the matrix that tells of it."""
CARRIES = (State.EXACT, State.CONVERTED)
PASSED_ON = {("openai", "top_k"), ("azure", "top_k")}
"""Sent as it came to somebody who may not know it."""


@pytest.mark.parametrize("upstream", UPSTREAMS, ids=lambda upstream: upstream.name)
def test_the_table_says_of_each_protocol_what_the_matrix_says(upstream) -> None:
    features = {feature.name: feature for feature in FEATURES if feature.group.startswith("Asked")}
    for parameter, row in ROWS.items():
        state = cell_at(Place(CHAT, upstream, features[row], stream=False)).state
        told = parameter in CARRIED[upstream.name]
        if (upstream.name, parameter) in PASSED_ON:
            assert not told
        else:
            assert told == (state in CARRIES), (parameter, state)


def test_every_parameter_of_the_table_is_in_the_matrix() -> None:
    unseen = {
        "include_reasoning",
        "top_logprobs",
        "min_p",
        "repetition_penalty",
    }  # said with one that is, or vLLM's own
    assert frozenset().union(*CARRIED.values()) - ROWS.keys() == unseen


def target(provider: str, model: str = "m") -> Target:
    row = KNOWN_PROVIDERS[provider]
    return Target(provider, row.protocol, model, row.base_url, "host", quirks=row.quirks)


def test_what_a_provider_leaves_out_or_refuses_is_not_listed() -> None:
    assert {"tools", "tool_choice"} & carried(target("perplexity", "sonar")) == set()
    assert "structured_outputs" not in carried(target("zhipu", "glm-4.6"))
    assert "temperature" not in carried(target("openai", "o3-mini"))
    assert "temperature" in carried(target("openai", "gpt-4.1"))


def test_what_is_declared_is_the_whole_list_of_what_can_be_declared() -> None:
    said = carried(target("openai", "gpt-4.1"), ["tools", "continue"])
    assert {"tools", "tool_choice", "temperature", "seed"} <= said
    assert {"response_format", "reasoning", "logprobs", "n"} & said == set()
    assert "logprobs" not in carried(target("anthropic"), ["logprobs"])


def test_claude_on_vertex_is_not_gemini() -> None:
    assert "n" in carried(target("vertex", "gemini-2.5-flash"))
    assert "n" not in carried(target("vertex", "claude-sonnet-4-5@20250929"))
