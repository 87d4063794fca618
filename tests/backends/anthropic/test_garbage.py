"""Whatever stands in a caller's fields: it is sent, left out, or refused by name; nothing else happens."""

from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends.errors import NotCarried
from backends.providers.anthropic import render_messages
from tests.backends.anthropic.played import chat

WORDS = st.sampled_from(
    [
        "type",
        "text",
        "function",
        "name",
        "arguments",
        "effort",
        "max_tokens",
        "enabled",
        "json_schema",
        "schema",
        "properties",
        "$ref",
        "#",
        "format",
        "index",
        "signature",
        "data",
        "anthropic-claude-v1",
        "reasoning.text",
        "reasoning.encrypted",
        "allowed_tools",
        "tools",
        "image_url",
        "url",
        "file",
        "data:;base64,",
        "file_data",
        "description",
        "x",
    ]
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5000) | st.floats(0, 3) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=8,
)
OF_MESSAGES = ["name", "tool_call_id", "cache_control", "reasoning_details", "server_tool_blocks", "tool_calls"]
OF_BODIES = ["tool_choice", "parallel_tool_calls", "reasoning", "reasoning_effort", "thinking", "metadata", "seed"]
OF_BODIES += ["service_tier", "cache_control", "n", "logprobs", "include_reasoning", "x"]


def objects(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(WORDS, VALUES, max_size=4).map(lambda value: {"type": kind, **value})


MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool", "function"])},
    optional={
        "content": st.none() | st.text(max_size=5) | st.lists(VALUES, max_size=2),
        **dict.fromkeys(OF_MESSAGES, VALUES),
    },
)
BODY = st.fixed_dictionaries(
    {"messages": st.lists(MESSAGE, min_size=1, max_size=3)},
    optional={
        "tools": st.lists(objects("function") | VALUES, max_size=2),
        "response_format": objects("json_schema") | objects("text"),
        "temperature": st.floats(0, 3),
        "stop": st.text(max_size=3) | st.lists(VALUES, max_size=2),
        "max_tokens": st.integers(1, 5000),
        "user": st.text(max_size=3),
        **dict.fromkeys(OF_BODIES, VALUES),
    },
)


@given(BODY, st.sampled_from(["claude-3-haiku-20240307", "claude-sonnet-4-5", "claude-opus-4-6", "claude-fable-5"]))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_but_a_body_or_a_refusal_comes_of_it(body: dict[str, Any], model: str) -> None:
    try:
        asked = render_messages(chat(body), model)
    except NotCarried:
        return
    assert asked.body["model"] == model
    roles = [message["role"] for message in asked.body["messages"]]
    assert all(first != second for first, second in pairwise(roles))
    assert all(message["content"] for message in asked.body["messages"])
