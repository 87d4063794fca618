"""One request of the Responses API and its answer: the names that both bear, what came before, what is to be kept.

Made for each request where an answer has a memory (gateway/conversations.py); the dialect itself has none.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from backends.types import ChatRequest, Usage
from gateway.dialects.openai_responses import OpenAIResponses, chat_of, render_response
from gateway.dialects.openai_responses_output import Ids
from gateway.dialects.openai_responses_stream import ResponsesEncoder
from gateway.errors import GatewayError

Item = dict[str, Any]
_OUR_RESPONSE = re.compile(r"resp_(hr[0-9a-f]{32})")
_OUR_ITEM = re.compile(r"[a-z]+_(hr[0-9a-f]{32})_i?\d+")


def our_stem(response_id: Any) -> str | None:
    """What a response is kept under, where its id is one of ours; None: somebody else's."""
    found = _OUR_RESPONSE.fullmatch(response_id) if isinstance(response_id, str) else None
    return found[1] if found else None


def references(native: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Items of ours that the input names instead of repeating them: id, and the response that it belongs to."""
    given = native.get("input")
    for item in given if isinstance(given, list) else ():
        if _is_reference(item):
            found = _OUR_ITEM.fullmatch(item["id"])
            if found is not None:
                yield item["id"], found[1]


def _is_reference(item: Any) -> bool:
    return (
        isinstance(item, dict)
        and isinstance(item.get("id"), str)
        and item.get("type", "item_reference") == "item_reference"
        and "role" not in item
    )


def resolved(native: Mapping[str, Any], known: Mapping[str, Item]) -> dict[str, Any]:
    """The same request, with the items themselves where they were named."""
    given = native.get("input")
    if not known or not isinstance(given, list):
        return dict(native)
    items = [known.get(item["id"], item) if _is_reference(item) else item for item in given]
    return {**native, "input": items}


def listed(given: Any, stem: str) -> list[Item]:
    """Input as the items that it means, each with an id."""
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    made = []
    for index, item in enumerate(items if isinstance(items, list) else ()):
        item = {"type": "message", **item} if "role" in item else item
        if isinstance(item.get("content"), str):
            kind = "output_text" if item.get("role") == "assistant" else "input_text"
            item = {**item, "content": [{"type": kind, "text": item["content"]}]}
        made.append({**item, "id": item.get("id") or f"{_prefix(item)}_{stem}_i{index}"})
    return made


def _prefix(item: Item) -> str:
    return {"message": "msg", "reasoning": "rs", "function_call": "fc", "function_call_output": "fco"}.get(
        str(item.get("type")), "item"
    )


class ResponsesTurn(OpenAIResponses):
    """The dialect, for one request that has been read already."""

    def __init__(self, chat: ChatRequest, stem: str, history: Sequence[Item] | None, *, kept: bool) -> None:
        """`history`: the items before the request's own, where it named a response of ours."""
        native = dict(chat.native or {})
        self.stem = stem
        self.input = native.get("input")
        self._ids = Ids(stem)
        self._told = {**native, "store": kept}
        if history is None:
            self._chat = chat
        else:
            joined = {name: value for name, value in native.items() if name != "previous_response_id"}
            joined["input"] = [*history, *listed(self.input, stem)]
            self._chat = chat_of(joined, orjson.dumps(joined))
        self._encoder: ResponsesEncoder | None = None
        self._response: dict[str, Any] | None = None

    @property
    def response(self) -> dict[str, Any] | None:
        """The whole response, once it has been said; None as well where a provider's own bytes passed."""
        return self._response if self._encoder is None else self._encoder.response

    def parse(self, body: bytes, headers: Mapping[str, str]) -> ChatRequest:  # noqa: ARG002  it has been read
        """The request, with what came before it."""
        return self._chat

    def render(self, chat: ChatRequest, answer: Mapping[str, Any], usage: Usage | None) -> bytes:
        """A response object."""
        self._response = render_response(chat._replace(native=self._told), answer, usage, self._ids)
        return orjson.dumps(self._response)

    def stream_encoder(self, chat: ChatRequest) -> ResponsesEncoder:
        """One for all attempts: an answer that is begun anew elsewhere is still this response."""
        if self._encoder is None:
            self._encoder = ResponsesEncoder(self._told, chat.created, self._ids)
        return self._encoder

    def stream_error(self, error: GatewayError) -> bytes:
        """The response has failed, where it had begun; and why."""
        return super().stream_error(error) if self._encoder is None else self._encoder.fail(error)
