"""What upstreams answer, feature by feature, and what of it has to reach the caller."""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tests.conformance import said as sayings
from tests.conformance.asks import CHAT, MESSAGES, RESPONSES
from tests.conformance.asks_messages import asked
from tests.conformance.cells import Cell, State, answered, family_of, passes_through
from tests.conformance.said import Said
from tests.conformance.upstream_table import Upstream
from tests.replay.readers import anthropic_messages, openai_chat, openai_responses
from tests.replay.readers.framing import sse_objects
from tests.replay.reading import Reading, Tokens

READERS: Mapping[str, Any] = {CHAT: openai_chat, MESSAGES: anthropic_messages, RESPONSES: openai_responses}
EVERY = frozenset({"openai", "responses", "anthropic", "gemini", "bedrock", "cohere"})
SIGNS = frozenset({"responses", "anthropic", "gemini", "bedrock"})

Judge = Callable[[Said, Reading, "Heard"], str]
"""Says what is missing; nothing, as it should be."""


class Heard(NamedTuple):
    """What came out at the caller's end."""

    dialect: str
    family: str
    objects: list[Any]
    """The answer, or the objects of its events."""

    @property
    def text(self) -> str:
        """All of it."""
        return json.dumps(self.objects, ensure_ascii=False)


class Answer(NamedTuple):
    """One feature of answers."""

    name: str
    said: Said
    judge: Judge
    families: frozenset[str] = EVERY
    """Whose formats have words for it."""
    dialects: frozenset[str] = frozenset({CHAT, MESSAGES, RESPONSES})
    asks: Mapping[str, Any] = {}
    """What the caller asks besides, by dialect."""
    ours: frozenset[str] = frozenset()
    """Dialects that have no word of their own for it, so that it travels in a field that this field's clients know."""


def answer_cell(answer: Answer, dialect: str, upstream: Upstream, *, stream: bool) -> Cell:
    """What becomes of a feature of answers."""
    family = family_of(dialect, upstream)
    if family not in answer.families or dialect not in answer.dialects:
        return Cell(State.NONE)
    asks = {**asked()[dialect], **answer.asks.get(dialect, {})}
    out = answered(dialect, upstream, answer.said, asks, stream=stream)
    reader = READERS[dialect]
    reading = reader.read_stream(out) if stream else reader.read_whole(out)
    objects = sse_objects(out) if stream else [json.loads(out)]
    missing = answer.judge(answer.said, reading, Heard(dialect, family, objects))
    if missing.startswith("~"):
        return Cell(State.CONVERTED)
    if missing:
        return Cell(State.LOST, f"{missing}; out came {out[-900:]!r}")
    converted = dialect in answer.ours and not passes_through(dialect, upstream)
    return Cell(State.CONVERTED if converted else State.EXACT)


def _spoken(said: Said, reading: Reading, heard: Heard) -> str:
    """Text, tools and finish."""
    choice = reading.choices[0]
    kinds = {each.get("object") for each in heard.objects}
    if heard.dialect == CHAT and kinds not in ({"chat.completion"}, {"chat.completion.chunk"}):
        return f"objects are {kinds}"
    if choice.text != said.text:
        return f"text is {choice.text!r}, not {said.text!r}"
    if [tool[1:] for tool in choice.tools] != [
        (t.name, json.dumps(json.loads(t.arguments), sort_keys=True, ensure_ascii=False)) for t in said.tools
    ]:
        return f"tools are {choice.tools}"
    if any(not tool.id for tool in choice.tools) or len({tool.id for tool in choice.tools}) != len(choice.tools):
        return f"tool ids are {[tool.id for tool in choice.tools]}"
    if heard.family != "gemini" and [tool.id for tool in choice.tools] != [tool.id for tool in said.tools]:
        return f"tool ids are {[tool.id for tool in choice.tools]}"
    if choice.finish != said.finish:
        return f"finish is {choice.finish}, not {said.finish}"
    return ""


def _stopped(said: Said, reading: Reading, heard: Heard) -> str:
    """The sequence that was met, where the upstream names it and the dialect can."""
    named = heard.family == "anthropic" and heard.dialect != RESPONSES
    if named and said.stop_sequence not in heard.text:
        return "which sequence was met is not said"
    return _spoken(said, reading, heard)


def _thought(said: Said, reading: Reading, heard: Heard) -> str:
    if reading.choices[0].reasoning != said.reasoning:
        return f"reasoning is {reading.choices[0].reasoning!r}"
    return _spoken(said, reading, heard)


def _redacted(said: Said, reading: Reading, heard: Heard) -> str:
    if heard.dialect == MESSAGES and said.redacted not in reading.signatures:
        return "the redacted thought is gone"
    if heard.dialect == CHAT and said.redacted not in reading.signatures:
        return "the redacted thought is gone"
    return _spoken(said, reading, heard)


def _refused(said: Said, reading: Reading, heard: Heard) -> str:
    choice = reading.choices[0]
    if (
        heard.family in ("openai", "responses", "anthropic", "bedrock")
        and said.refusal not in choice.refusal + choice.text
    ):
        return "the words of the refusal are gone"
    if not choice.refusal and choice.finish != "content_filter":
        return f"nobody can tell that it is a refusal: {choice}"
    return ""


def _cited(said: Said, reading: Reading, heard: Heard) -> str:
    if said.source not in heard.text:
        return "the source is gone"
    return _spoken(said, reading, heard)


def _counted(said: Said, reading: Reading, heard: Heard) -> str:
    """Classes that the upstream's format lacks are part of another."""
    told = said.usage
    if heard.family in ("gemini", "cohere"):
        told = told._replace(input=told.input + told.cache_creation, cache_creation=0)
    if heard.family == "bedrock":
        told = told._replace(output=told.output + told.reasoning, reasoning=0)
    if told in reading.usages:
        return ""
    if reading.usages and any(_totals(usage) == _totals(told) for usage in reading.usages):
        return "~ the sums are right, a class is part of another"
    return f"usage is {reading.usages}, not {told}"


def _totals(usage: Tokens) -> tuple[int, int]:
    return usage.input + usage.cache_read + usage.cache_creation, usage.output + usage.reasoning


def _likely(said: Said, reading: Reading, heard: Heard) -> str:
    return "" if f'"logprob": {said.logprob}' in heard.text else "log probabilities are gone"


def _twice(said: Said, reading: Reading, heard: Heard) -> str:
    texts = [choice.text for choice in reading.choices]
    return "" if texts == ["Heads 0", "Heads 1"] else f"choices say {texts}"


_NO_WORDS = frozenset({"cohere"})
ANSWERS = (
    Answer("text", sayings.TEXT, _spoken),
    Answer("cut at the limit (length)", sayings.LENGTH, _spoken),
    Answer("stop sequence met", sayings.STOPPED, _stopped),
    Answer("tool call", sayings.ONE_TOOL, _spoken),
    Answer("tool call without arguments", sayings.BARE_TOOL, _spoken),
    Answer("text and parallel tool calls", sayings.TEXT_AND_TOOLS, _spoken),
    Answer("reasoning", sayings.THOUGHT, _thought, ours=frozenset({CHAT})),
    Answer("reasoning and tool call", sayings.THOUGHT_TOOL, _thought, ours=frozenset({CHAT})),
    Answer(
        "redacted reasoning", sayings.REDACTED, _redacted, frozenset({"anthropic", "bedrock"}), ours=frozenset({CHAT})
    ),
    Answer("refusal", sayings.REFUSED, _refused, EVERY - _NO_WORDS),
    Answer("citations", sayings.CITING, _cited, ours=frozenset({CHAT, MESSAGES, RESPONSES})),
    Answer("usage in its classes", sayings.COUNTED, _counted),
    Answer(
        "log probabilities",
        sayings.LIKELY,
        _likely,
        frozenset({"openai", "gemini"}),
        frozenset({CHAT, RESPONSES}),
        {CHAT: {"logprobs": True}, RESPONSES: {"include": ["message.output_text.logprobs"]}},
    ),
    Answer(
        "several choices", sayings.TWICE, _twice, frozenset({"openai", "gemini"}), frozenset({CHAT}), {CHAT: {"n": 2}}
    ),
)
