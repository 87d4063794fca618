"""Messages, and what comes back of an earlier answer: calls, results, thoughts, signatures."""

from typing import Any

import orjson
import pytest

from backends.errors import NotCarried
from backends.providers.gemini import GeminiAdapter
from backends.types import Clocks, Target
from tests.backends.gemini.common_form import FIXTURES, chat, gathered, play


def body(messages: list[Any], model: str = "gemini-2.5-flash") -> dict[str, Any]:
    target = Target("google", "gemini", model, "https://gemini.example", "gemini.example")
    return dict(orjson.loads(GeminiAdapter().build_request(chat({"messages": messages}), target, Clocks()).body))


def turns(messages: list[Any], model: str = "gemini-2.5-flash") -> list[dict[str, Any]]:
    return list(body(messages, model)["contents"])


def parts(content: Any) -> list[Any]:
    return list(turns([{"role": "user", "content": content}])[0]["parts"])


def call(
    call_id: str = "call_1", name: str = "tide", arguments: str = '{"port":"Husum"}', **more: Any
) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}, **more}


def result(content: Any = "high", call_id: str = "call_1") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


HI = {"role": "user", "content": "Hi"}


def test_instructions_come_first_and_later_ones_keep_their_place() -> None:
    made = body(
        [
            {"role": "system", "content": "A"},
            {"role": "developer", "content": [{"type": "text", "text": "B"}]},
            HI,
            {"role": "system", "content": "C"},
        ]
    )
    assert made["systemInstruction"] == {"parts": [{"text": "A"}, {"text": "B"}]}
    assert made["contents"] == [
        {"role": "user", "parts": [{"text": "Hi"}]},
        {"role": "user", "parts": [{"text": "C"}]},
    ]


def test_instructions_alone_are_something_to_answer() -> None:
    made = body([{"role": "system", "content": "A"}])
    assert made == {"contents": [{"role": "user", "parts": [{"text": "A"}]}]}


def test_empty_text_is_no_part() -> None:
    assert turns(
        [HI, {"role": "assistant", "content": ""}, {"role": "user", "content": [{"type": "text", "text": ""}]}]
    ) == [{"role": "user", "parts": [{"text": "Hi"}]}]


@pytest.mark.parametrize(
    ("part", "wanted"),
    [
        (
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://a.example/b.webp?x=1"}},
            {"fileData": {"mimeType": "image/webp", "fileUri": "https://a.example/b.webp?x=1"}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://a.example/b"}},
            {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://a.example/b"}},
        ),
        (
            {"type": "video_url", "video_url": {"url": "https://www.youtube.com/watch?v=x"}},
            {"fileData": {"fileUri": "https://www.youtube.com/watch?v=x"}},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "BBBB", "format": "mp3"}},
            {"inlineData": {"mimeType": "audio/mp3", "data": "BBBB"}},
        ),
        (
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,CCCC"}},
            {"inlineData": {"mimeType": "application/pdf", "data": "CCCC"}},
        ),
        (
            {"type": "file", "file": {"filename": "a.csv", "file_data": "CCCC"}},
            {"inlineData": {"mimeType": "text/csv", "data": "CCCC"}},
        ),
        (
            {"type": "file", "file": {"file_id": "https://generativelanguage.googleapis.com/v1beta/files/x"}},
            {"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/x"}},
        ),
        (
            {"type": "file", "file": {"file_data": "gs://bucket/a.pdf"}},
            {"fileData": {"mimeType": "application/pdf", "fileUri": "gs://bucket/a.pdf"}},
        ),
    ],
)
def test_media_are_parts(part: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert parts([{"type": "text", "text": "See:"}, part]) == [{"text": "See:"}, wanted]


@pytest.mark.parametrize(
    "part",
    [
        {"type": "file", "file": {"file_id": "file-abc"}},
        {"type": "image_url", "image_url": {"url": "file:///etc/passwd"}},
        {"type": "image_url", "image_url": {"url": "data:image/png,AAAA"}},
        {"type": "image_url", "image_url": {}},
        {"type": "input_audio"},
        {"type": "hologram"},
        7,
    ],
)
def test_what_gemini_cannot_take_is_not_carried_and_named(part: Any) -> None:
    with pytest.raises(NotCarried) as refused:
        parts([{"type": "text", "text": "See:"}, part])
    assert refused.value.param.startswith("messages[0].content[1]")


def test_marks_for_a_cache_are_named_as_ignored() -> None:
    target = Target("google", "gemini", "gemini-2.5-pro", "https://gemini.example", "gemini.example")
    marked = [{"type": "text", "text": "long", "cache_control": {"type": "ephemeral"}}]
    request = GeminiAdapter().build_request(chat({"messages": [{"role": "user", "content": marked}]}), target, Clocks())
    assert request.dropped == ("cache_control",)
    assert b"cache_control" not in request.body


# Calls and results


def test_results_of_parallel_calls_stand_in_one_turn_under_their_functions_names() -> None:
    made = turns(
        [
            HI,
            {"role": "assistant", "content": None, "tool_calls": [call("a"), call("b", "now", "")]},
            result('{"level": 3}', "a"),
            result("noon", "b"),
            {"role": "user", "content": "And?"},
        ]
    )
    assert made[1] == {
        "role": "model",
        "parts": [
            {"functionCall": {"name": "tide", "args": {"port": "Husum"}, "id": "a"}},
            {"functionCall": {"name": "now", "args": {}, "id": "b"}},
        ],
    }
    assert made[2] == {
        "role": "user",
        "parts": [
            {"functionResponse": {"name": "tide", "id": "a", "response": {"level": 3}}},
            {"functionResponse": {"name": "now", "id": "b", "response": {"output": "noon"}}},
        ],
    }
    assert made[3] == {"role": "user", "parts": [{"text": "And?"}]}


@pytest.mark.parametrize(
    ("content", "response"),
    [
        ("{broken", {"output": "{broken"}),
        ("[1]", {"output": "[1]"}),
        ("", {"output": ""}),
        (None, {"output": ""}),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], {"output": "a\nb"}),
    ],
)
def test_a_result_is_an_object_there(content: Any, response: dict[str, Any]) -> None:
    made = turns([{"role": "assistant", "tool_calls": [call()]}, result(content)])
    assert made[1]["parts"][0]["functionResponse"]["response"] == response


def test_images_in_a_result_stand_in_it_or_beside_it_for_older_models() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    messages = [{"role": "assistant", "tool_calls": [call()]}, result([{"type": "text", "text": "map"}, image])]
    inline = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    newer = turns(messages, "gemini-3-flash-preview")[1]["parts"]
    assert newer[0]["functionResponse"]["parts"] == [inline]
    older = turns(messages)[1]["parts"]
    assert older[1:] == [inline]
    assert "parts" not in older[0]["functionResponse"]


def test_a_result_of_no_call_is_not_carried() -> None:
    with pytest.raises(NotCarried) as refused:
        turns([HI, result(call_id="call_9")])
    assert refused.value.param == "messages[1].tool_call_id"


def test_arguments_that_are_no_object_are_not_carried() -> None:
    with pytest.raises(NotCarried) as refused:
        turns([{"role": "assistant", "tool_calls": [call(arguments="{")]}])
    assert refused.value.param == "messages[0].tool_calls[0].function.arguments"


def test_the_older_form_of_a_call_is_one() -> None:
    made = turns(
        [
            {"role": "assistant", "content": None, "function_call": {"name": "now", "arguments": "{}"}},
            {"role": "function", "name": "now", "content": "noon"},
        ]
    )
    assert made[0]["parts"] == [{"functionCall": {"name": "now", "args": {}}}]
    assert made[1]["parts"] == [{"functionResponse": {"name": "now", "response": {"output": "noon"}}}]


# What an answer said, on its way back


def answered(name: str) -> dict[str, Any]:
    """The message that a client makes of a streamed answer, and sends back."""
    decoder = GeminiAdapter().stream_decoder(chat(stream=True))
    message = gathered(play(decoder, [(FIXTURES / "gemini" / f"{name}.sse").read_bytes()]))["message"]
    for made in message["tool_calls"]:
        del made["index"]
    return {"role": "assistant", **{field: value for field, value in message.items() if value}}


def test_signatures_come_back_on_the_calls_they_were_given_to() -> None:
    said = answered("stream_parallel_calls_in_two_chunks")
    by_details = {**said, "tool_calls": [{**made, "extra_content": None} for made in said["tool_calls"]]}
    by_extra = {field: value for field, value in said.items() if field != "reasoning_details"}
    for message in (said, by_details, by_extra):
        (turn,) = turns([message], "gemini-3-flash-preview")
        assert turn["parts"] == [
            {
                "functionCall": {"name": "tide", "args": {"port": "Büsum", "day": 2}},
                "thoughtSignature": "CvABfixtureCallSig+1==",
            },
            {"functionCall": {"name": "now", "args": {}}},
            {"functionCall": {"name": "tide", "args": {"port": "Emden", "day": 2}}},
        ]


def test_ids_made_here_are_not_sent_back() -> None:
    said = answered("stream_parallel_calls_in_two_chunks")
    results = [result("x", made["id"]) for made in said["tool_calls"]]
    made = turns([said, *results])[1]["parts"]
    assert [part["functionResponse"]["name"] for part in made] == ["tide", "now", "tide"]
    assert not [part for part in made if "id" in part["functionResponse"]]


def test_thoughts_and_the_texts_signature_come_back() -> None:
    (turn,) = turns([answered("stream_thinking_signed_text")])
    assert turn["parts"] == [
        {"text": "**Weighing it**\n\nNine is odd.", "thought": True},
        {"text": "It is odd.", "thoughtSignature": "EskBCsYBAfixture/text+sig=="},
    ]


def test_what_other_providers_thought_is_not_geminis() -> None:
    details = [
        {"type": "reasoning.text", "text": "x", "signature": "s", "format": "anthropic-claude-v1"},
        {"type": "reasoning.encrypted", "data": "y", "format": "openai-responses-v1", "id": "call_1"},
        {"type": "reasoning.text", "text": "z"},
        7,
    ]
    said = {"role": "assistant", "content": "ok", "reasoning_content": "x", "reasoning_details": details}
    assert turns([said])[0]["parts"] == [{"text": "ok"}]


def test_a_call_without_signature_says_so_where_one_is_demanded() -> None:
    said = {"role": "assistant", "tool_calls": [call("a"), call("b")]}
    newer = turns([said], "gemini-3-flash-preview")[0]["parts"]
    assert newer[0]["thoughtSignature"] == "skip_thought_signature_validator"
    assert "thoughtSignature" not in newer[1]
    assert "thoughtSignature" not in turns([said])[0]["parts"][0]


def test_googles_own_place_for_a_messages_signature_is_known() -> None:
    extra = {"extra_content": {"google": {"thought_signature": "sig=="}}}
    assert turns([{"role": "assistant", "content": "ok", **extra}])[0]["parts"] == [
        {"text": "ok", "thoughtSignature": "sig=="}
    ]
    called = turns([{"role": "assistant", "tool_calls": [call()], **extra}])[0]["parts"]
    assert called[0]["thoughtSignature"] == "sig=="


def test_a_refusal_was_said() -> None:
    assert turns([{"role": "assistant", "content": None, "refusal": "No."}])[0]["parts"] == [{"text": "No."}]
