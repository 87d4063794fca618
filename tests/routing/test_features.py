"""What is kept of a request, and what is not."""

import pytest

from gateway.routing.features import Features, as_json, features_of, from_json, made_up


def test_no_word_of_a_prompt_is_kept(chat, asking) -> None:
    asked = chat(
        messages=[{"role": "system", "content": "secret-system"}, {"role": "user", "content": "secret-words"}],
        tools=[{"type": "function", "function": {"name": "secret_tool"}}],
        metadata={"note": "secret-note"},
        stop=["secret-stop"],
    )
    kept = as_json(features_of(asked, asking(headers={"authorization": "secret-key"}), "openai_chat", 5.0))
    assert b"secret" not in kept


def test_it_comes_back_as_it_went(chat, asking) -> None:
    asked = chat(user="u", session_id="s", n=3, max_tokens=9, stream=True, provider={"sort": "price"})
    request = asking(provider="a", headers={"x-headrace-tags": "env=prod, other=x"}, team="t", tags={"tier": "free"})
    features = features_of(asked, request, "openai_chat", 5.0, ("env",))
    assert from_json(as_json(features)) == features
    assert features.request_tags == {"env": "prod"}
    assert features.wishes == {"provider": {"sort": "price"}}
    made, who = made_up(features)
    assert features_of(made, who, "openai_chat", 5.0, ("env",)) == features


@pytest.mark.parametrize("need", ["tools", "json_schema", "json_object", "reasoning", "logprobs", "n"])
@pytest.mark.parametrize("part", [(), ("images",), ("audio", "files", "video")])
def test_what_a_request_needs_is_kept(need: str, part: tuple[str, ...], asking) -> None:
    features = Features("m", "openai_chat", "k", "app", 0.0, needs=tuple(sorted((need, *part))), counted_tokens=99)
    made, who = made_up(features)
    assert features_of(made, who, "openai_chat", 0.0).needs == features.needs


def test_an_older_record_can_be_read() -> None:
    kept = b'{"model":"m","dialect":"openai_chat","key_id":"k","key_name":"n","at":1.0,"of_a_later_version":true}'
    assert from_json(kept).max_tokens == 0
