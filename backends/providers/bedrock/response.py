"""A whole answer of Converse in the common form."""

from hashlib import blake2b
from typing import Any

import orjson

from backends.adapter import Completion
from backends.errors import BadAnswer
from backends.providers.anthropic.blocks import thinking
from backends.providers.bedrock.finish import finish
from backends.providers.bedrock.thoughts import encrypted
from backends.providers.bedrock.usage import read_usage
from backends.types import ChatRequest

SERVER_TOOL = "server_tool_use"
"""Type of a call that the provider carries out itself: nobody's to answer."""


def read_completion(chat: ChatRequest, body: bytes) -> Completion:
    """Raises BadAnswer for what is no answer of Converse."""
    answer = _answer(body)
    message = _Message()
    try:
        for index, block in enumerate(answer["output"]["message"]["content"]):
            message.take(index, block)
    except (AttributeError, KeyError, TypeError) as error:
        raise BadAnswer("a success status, but a block in the answer without what belongs to it") from error
    ended = finish(answer.get("stopReason"), answer.get("additionalModelResponseFields"), called=bool(message.calls))
    completion: dict[str, Any] = {
        "id": answer_id(chat),
        "object": "chat.completion",
        "created": chat.created,
        "model": chat.model,
        "choices": [{"index": 0, "message": message.render(), "logprobs": None, **ended}],
    }
    tier = answer.get("serviceTier")
    if isinstance(tier, dict) and isinstance(tier.get("type"), str):
        completion["service_tier"] = tier["type"]
    return Completion(completion, read_usage(answer.get("usage")))


def answer_id(chat: ChatRequest) -> str:
    """Converse gives its answers none; request and second are what tells one from another."""
    return "chatcmpl-" + blake2b(chat.raw, digest_size=12, key=str(chat.created).encode()).hexdigest()


def annotation(citation: dict[str, Any], start: int, end: int) -> dict[str, Any]:
    """A citation of a page in OpenAI's shape, any other as it came. Places are in the answer's text."""
    location = citation.get("location")
    web = location.get("web") if isinstance(location, dict) else None
    if not isinstance(web, dict):
        return {"type": "citation", "start_index": start, "end_index": end, **citation}
    url = str(web.get("url") or "")
    title = str(citation.get("title") or web.get("domain") or url)
    return {
        "type": "url_citation",
        "url_citation": {"url": url, "title": title, "start_index": start, "end_index": end},
    }


class _Message:
    """The parts of one answer, gathered block by block."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self._text = ""
        self._thoughts: list[str] = []
        self._details: list[dict[str, Any]] = []
        self._notes: list[dict[str, Any]] = []
        self._images: list[dict[str, Any]] = []
        self._served: list[dict[str, Any]] = []
        self._thought_blocks = 0

    def take(self, index: int, block: dict[str, Any]) -> None:
        """One content block. What the provider's own tools were given and gave back is carried along as it is."""
        if "text" in block:
            self._text += str(block["text"])
        elif "toolResult" in block or block.get("toolUse", {}).get("type") == SERVER_TOOL:
            self._served.append({**block, "index": index})
        elif "toolUse" in block:
            self._call(block["toolUse"])
        elif "reasoningContent" in block:
            self._think(block["reasoningContent"])
        elif "citationsContent" in block:
            self._cite(block["citationsContent"])
        elif "image" in block:
            self._images += image_parts(block["image"].get("format"), block["image"].get("source"))

    def render(self) -> dict[str, Any]:
        """The message; fields that nothing was said of are left out, as OpenAI's like do."""
        content = self._text if self._text or not self.calls else None
        message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
        thought = "".join(self._thoughts)
        if thought:
            message["reasoning_content"] = message["reasoning"] = thought
        parts = (
            ("reasoning_details", self._details),
            ("tool_calls", self.calls),
            ("annotations", self._notes),
            ("images", self._images),
            ("server_tool_blocks", self._served),
        )
        message.update({name: value for name, value in parts if value})
        return message

    def _call(self, call: dict[str, Any]) -> None:
        arguments = orjson.dumps(call.get("input") or {}).decode()
        function = {"name": call["name"], "arguments": arguments}
        self.calls.append({"id": call["toolUseId"], "type": "function", "function": function})

    def _think(self, thought: dict[str, Any]) -> None:
        index, self._thought_blocks = self._thought_blocks, self._thought_blocks + 1
        said = thought.get("reasoningText")
        if isinstance(said, dict):
            text, signature = str(said.get("text") or ""), said.get("signature")
            self._thoughts.append(text)
            if signature:
                self._details.append(thinking(text, index, str(signature)))
        elif thought.get("redactedContent"):
            self._details.append(encrypted(thought["redactedContent"], index))

    def _cite(self, cited: dict[str, Any]) -> None:
        start = len(self._text)
        for piece in cited.get("content") or ():
            self._text += str(piece.get("text") or "")
        for citation in cited.get("citations") or ():
            self._notes.append(annotation(citation, start, len(self._text)))


def image_parts(kind: Any, source: Any) -> list[dict[str, Any]]:
    """An image that the model made, as OpenRouter gives them: `images` beside `content`."""
    data = source.get("bytes") if isinstance(source, dict) else None
    if not data:
        return []
    return [{"type": "image_url", "image_url": {"url": f"data:image/{kind or 'png'};base64,{data}"}}]


def _answer(body: bytes) -> dict[str, Any]:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadAnswer("a success status, but the body is not JSON") from error
    output = answer.get("output") if isinstance(answer, dict) else None
    message = output.get("message") if isinstance(output, dict) else None
    if not isinstance(message, dict) or not isinstance(message.get("content"), list):
        raise BadAnswer("a success status, but no message in the answer")
    assert isinstance(answer, dict)
    return answer
