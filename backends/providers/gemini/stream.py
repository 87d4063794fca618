"""A streamed answer of streamGenerateContent as chunks in the common form.

Each event is a whole response with the newest parts of each candidate, and usage so far; there is no `[DONE]`, so the
end is told by the candidates' finish reasons. https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent
"""

from collections.abc import Iterable, Sequence
from typing import Any

from backends.errors import BackendError, BadAnswer, ConnectionLost
from backends.providers.gemini.array import ArrayDecoder
from backends.providers.gemini.citations import read_citations
from backends.providers.gemini.errors import error_in_answer
from backends.providers.gemini.finish import block_reason, finish_reason, native_reason
from backends.providers.gemini.logprobs import read_logprobs
from backends.providers.gemini.parts import Candidate, Pieces
from backends.providers.gemini.response import blocked_choice, parts_of, service_tier
from backends.providers.gemini.usage import read_usage
from backends.sse import ServerSentEvent, SseDecoder, read_objects
from backends.types import ChatRequest, Chunk, Usage

_BOM = b"\xef\xbb\xbf"


class GeminiStreamDecoder:
    """Implements backends.adapter.StreamDecoder."""

    __slots__ = (
        "_array",
        "_candidates",
        "_chat",
        "_counts",
        "_events",
        "_expected",
        "_head",
        "_sniffed",
        "done",
        "error",
        "finished",
    )

    def __init__(self, chat: ChatRequest) -> None:
        self._chat = chat
        self._events = SseDecoder()
        self._array: ArrayDecoder | None = None
        self._sniffed: bytes | None = b""
        self._candidates: dict[int, Candidate] = {}
        self._expected = chat.body.get("n") or 1
        self._head: Chunk | None = None
        self.finished = False
        self.done = False
        self._counts: Any = None
        self.error: BackendError | None = None

    @property
    def usage(self) -> Usage | None:
        """As reported so far."""
        return read_usage(self._counts)

    def feed(self, data: bytes) -> Sequence[Chunk]:
        """Any cut of the bytes gives the same chunks."""
        if self._sniffed is not None:
            data = self._sniff(data)
        if self._array is not None:
            return self._hear(self._array.feed(data))
        return self._hear_events(self._events.feed(data))

    def close(self) -> Sequence[Chunk]:
        """The end; ConnectionLost when the answer was not whole."""
        last = [] if self._array is not None else self._hear_events(self._events.close())
        if self.error is not None:
            raise self.error
        if not self.finished:
            raise ConnectionLost("the stream ended without a finish reason")
        return last

    def _sniff(self, data: bytes) -> bytes:
        """Whether it is the array that comes without `alt=sse`: the first byte that says something tells."""
        begun = (self._sniffed or b"") + data
        said = begun.removeprefix(_BOM).lstrip()
        if not said or _BOM.startswith(begun):
            self._sniffed = begun
            return b""
        self._sniffed = None
        if said.startswith(b"["):
            self._array = ArrayDecoder()
        return begun

    def _hear_events(self, events: Sequence[ServerSentEvent]) -> list[Chunk]:
        chunks: list[Chunk] = []
        for event in events:
            if event.data and event.data != b"[DONE]":
                chunks += self._hear(read_objects(event.data))
        return chunks

    def _hear(self, answers: Iterable[dict[str, Any]]) -> list[Chunk]:
        chunks: list[Chunk] = []
        for answer in answers:
            if self.error is not None:
                break
            if answer.get("error"):
                self.error = error_in_answer(answer)
                break
            try:
                counts = answer.get("usageMetadata")
                if counts and "promptTokenCount" in counts:  # every chunk has them: what is asked for is the last
                    self._counts = counts
                self._hear_candidates(answer, self._head or self._begin(answer), chunks)
            except (AttributeError, KeyError, TypeError) as error:
                raise BadAnswer("an event of another shape than this protocol's") from error
        return chunks

    def _hear_candidates(self, answer: dict[str, Any], head: Chunk, chunks: list[Chunk]) -> None:
        candidates = answer.get("candidates")
        if candidates:
            for place, candidate in enumerate(candidates):
                self._hear_candidate(candidate, place, head, chunks)
            if self.finished and chunks and (tier := service_tier(answer.get("usageMetadata"))) is not None:
                chunks[-1]["service_tier"] = tier
        elif (blocked := block_reason(answer)) is not None:
            chunks.append({**head, "choices": [blocked_choice(blocked, "delta")]})
            self.finished = self.done = True

    def _begin(self, answer: dict[str, Any]) -> Chunk:
        self._head = {
            "id": str(answer.get("responseId") or ""),
            "object": "chat.completion.chunk",
            "created": self._chat.created,
            "model": answer.get("modelVersion") or self._chat.model,
        }
        return self._head

    def _hear_candidate(self, candidate: dict[str, Any], place: int, head: Chunk, chunks: list[Chunk]) -> None:
        index = candidate.get("index", place)
        seen = self._candidates.get(index)
        if seen is None:
            seen = self._candidates[index] = Candidate(index)
        parts = parts_of(candidate)
        if seen.role_said and _is_text_alone(candidate, parts):
            text = parts[0]["text"]
            seen.pieces.append(text)
            chunks.append({**head, "choices": [{"index": index, "delta": {"content": text}, "finish_reason": None}]})
            return
        native = native_reason(candidate.get("finishReason"))
        pieces = seen.read(parts, head["id"]) if parts else Pieces()
        deltas = _deltas(seen, pieces)
        choices: list[dict[str, Any]] = [{"index": index, "delta": delta, "finish_reason": None} for delta in deltas]
        if native is not None:
            if not choices:
                choices.append({"index": index, "delta": {}, "finish_reason": None})
            self._finish(seen, candidate, native, choices[-1])
        logprobs = read_logprobs(candidate.get("logprobsResult"))
        if logprobs is not None and choices:
            choices[-1]["logprobs"] = logprobs
        chunks += [{**head, "choices": [choice]} for choice in choices]

    def _finish(self, seen: Candidate, candidate: dict[str, Any], native: str, choice: dict[str, Any]) -> None:
        finish = finish_reason(native, called=seen.calls > 0)
        choice["finish_reason"], choice["native_finish_reason"] = finish, native
        citations = read_citations(candidate, "".join(seen.pieces))
        if citations:
            choice["delta"]["annotations"] = [*choice["delta"].get("annotations", ()), *citations]
        if finish == "content_filter" and not seen.pieces and candidate.get("finishMessage"):
            choice["delta"]["refusal"] = candidate["finishMessage"]
        seen.stopped = True
        # Usage comes with the finish reason: once all have stopped, how the connection ends is nobody's loss.
        self.finished = self.done = sum(one.stopped for one in self._candidates.values()) >= self._expected


def _is_text_alone(candidate: dict[str, Any], parts: list[Any]) -> bool:
    """Most chunks: one piece of text, and nothing else to be said of the candidate."""
    return (
        len(parts) == 1
        and len(parts[0]) == 1
        and type(parts[0].get("text")) is str
        and parts[0]["text"] != ""
        and "finishReason" not in candidate
        and "logprobsResult" not in candidate
    )


def _deltas(seen: Candidate, pieces: Pieces) -> list[dict[str, Any]]:
    """Thoughts in a delta of their own: they do not commit, and another attempt's are swallowed."""
    deltas = []
    if pieces.thoughts:
        thought: dict[str, Any] = {"reasoning_content": pieces.thoughts, "reasoning": pieces.thoughts}
        details = [detail for detail in pieces.details if detail["type"] == "reasoning.text"]
        thought["reasoning_details"] = details
        pieces.details = [detail for detail in pieces.details if detail["type"] != "reasoning.text"]
        deltas.append(thought)
    rest: dict[str, Any] = {}
    if pieces.text:
        rest["content"] = pieces.text
    if pieces.calls:
        rest["tool_calls"] = pieces.calls
    if pieces.details:
        rest["reasoning_details"] = pieces.details
    if pieces.images:
        rest["images"] = pieces.images
    if pieces.annotations:
        rest["annotations"] = pieces.annotations
    if rest:
        deltas.append(rest)
    if deltas and not seen.role_said:
        seen.role_said = True
        deltas[0]["role"] = "assistant"
    return deltas
