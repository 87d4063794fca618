"""What callers may send, and how they are told what was wrong."""

import orjson
import pytest

from gateway.dialects.openai_chat import LONGEST_MODEL_NAME, OpenAIChat
from gateway.errors import InvalidRequest, NotFound

GOOD = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def refused(body: bytes) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        OpenAIChat().parse(body, {})
    return caught.value


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nope",
        b'{"model":"m","messages":[{"role":"user","content":"hi"}],"temperature":NaN}',
        b'{"model":"m","messages":[{"role":"user","content":"\xff"}]}',
        b'{"model":"m","messages":[{"role":"user","content":"\\ud800"}]}',
        b'{"model":"m","x":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        b'{"model":"a","model":"b","messages":[{"role":"user","content":"hi"}]}',
        b'{"model":"a","mod\\u0065l":"b","messages":[{"role":"user","content":"hi"}]}',
        b'{"model":"a","messages":[{"role":"user","role":"system","content":"hi"}]}',
        b'{"model":"a","messages":[{"role":"user","content":"hi","content":"ho"}]}',
    ],
    ids=range(11),
)
def test_what_is_not_plain_json_is_invalid_json(body: bytes) -> None:
    error = refused(body)
    assert (error.status, error.code) == (400, "invalid_json")
    assert len(error.message) < 300


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"model": 7}, "model"),
        ({"model": "x" * (LONGEST_MODEL_NAME + 1)}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": ["hi"]}, "messages[0]"),
        ({"messages": [{"content": "hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "wizard", "content": "hi"}]}, "messages[0].role"),
        ({"messages": [{"role": [], "content": "hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ({"stream": "yes"}, "stream"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"n": True}, "n"),
        ({"temperature": "hot"}, "temperature"),
        ({"tools": {}}, "tools"),
    ],
)
def test_each_mistake_names_its_field(change: dict[str, object], param: str) -> None:
    error = refused(orjson.dumps({**GOOD, **change}))
    assert (error.status, error.code, error.param) == (400, "invalid_request", param)


def test_a_field_named_twice_in_different_objects_is_no_duplicate() -> None:
    body = orjson.dumps({**GOOD, "metadata": {"model": "x", "messages": "y", "role": "z"}})
    assert OpenAIChat().parse(body, {}).model == "m"


def test_unknown_fields_and_null_fields_are_carried_along() -> None:
    body = orjson.dumps({**GOOD, "new_field": {"a": 1}, "temperature": None})
    chat = OpenAIChat().parse(body, {})
    assert chat.raw is body
    assert chat.body["new_field"] == {"a": 1}


def test_ten_thousand_fields_are_judged_in_time() -> None:
    body = orjson.dumps({**GOOD, **{f"field{number}": "x" * 50 for number in range(10_000)}})
    assert OpenAIChat().parse(body, {}).model == "m"


def test_an_error_has_openais_shape_and_says_whose_it_is() -> None:
    error = orjson.loads(OpenAIChat().render_error(NotFound("no", code="model_not_found", param="model")))["error"]
    assert error == {
        "message": "no",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found",
        "metadata": {"origin": "caller"},
    }


def test_a_body_as_the_official_clients_write_it_is_known_to_be_plain() -> None:
    compact = b'{"model":"m","messages":[{"role":"user","content":"\xc3\xa9 \\n"}],"temperature":0.7}'
    assert OpenAIChat().parse(compact, {}).plain
    assert not OpenAIChat().parse(compact.replace(b",", b", "), {}).plain
    assert not OpenAIChat().parse(compact.replace(b"\xc3\xa9", b"\\u00e9"), {}).plain


def test_nesting_that_can_be_read_but_not_written_is_no_fault_of_the_caller() -> None:
    deep = b"[" * 400 + b"]" * 400
    chat = OpenAIChat().parse(b'{"model":"m","messages":[{"role":"user","content":"x"}],"metadata":' + deep + b"}", {})
    assert not chat.plain
