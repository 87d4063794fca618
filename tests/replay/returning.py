"""Signed reasoning of a recorded answer on its way back: told to a caller of each dialect, kept as its clients do, sent
with the next turn, and found again in what the upstream is asked."""

import base64
import json
import re
from typing import Any

from backends.types import Clocks
from gateway.dialects.base import Dialect
from tests.conformance.round_trip import KEEPERS, next_turn
from tests.replay.product import adapter_of, target_of
from tests.replay.readers.framing import sse_objects
from tests.replay.readers.gemini import signed_parts
from tests.replay.readers.table import read
from tests.replay.recordings import Recording
from tests.replay.speaking import ASKED, said_in

_ENCRYPTED = {"include": ["reasoning.encrypted_content"], "store": False}
_CHANGES_NOTHING = frozenset({"messages", "vertex_raw_predict", "converse"})
"""APIs whose signatures are over the words: those have to come back as they were."""


def lost_on_return(recording: Recording, dialect: Dialect) -> list[str]:
    """Signatures that the upstream does not get back."""
    expected = read(recording)
    if not expected.signatures or recording.api in ("responses", "invoke_model", "chat_completions"):
        return []
    more = _ENCRYPTED if dialect.name == "openai_responses" else {}
    out = said_in(recording, dialect, more)[0]
    objects = sse_objects(out) if recording.stream else [json.loads(out)]
    kept = KEEPERS[dialect.name](objects, stream=recording.stream)
    asks: dict[str, Any] = {"model": "made-up-model", **ASKED[dialect.name], **more}
    body = {**asks, **next_turn(dialect.name, asks, kept)}
    chat = dialect.parse(json.dumps(body).encode(), {})
    adapter = adapter_of(recording)
    sent = adapter.build_request(chat, target_of(recording), Clocks()).body
    strings = _strings(json.loads(sent))
    found = []
    for group in _required(recording, expected.signatures):
        if not any(strings & {each, _again(each)} for each in group):
            found.append(f"{min(group)[:40]} (one of {len(expected.signatures)} signatures) is not in the next turn")
    for thought in _thoughts(recording):
        if thought not in strings and recording.api in _CHANGES_NOTHING:
            found.append(f"what was signed has changed: {thought[:80]!r}")
    return found


def _required(recording: Recording, signatures: frozenset[str]) -> list[frozenset[str]]:
    """Of each group one has to come back: each by itself, but for Gemini's.

    Google refuses a function call whose signature is missing. On a text part it is advice, and texts are one text in
    the common form; on code that was run over there it goes with that part, which no caller is told.
    https://ai.google.dev/gemini-api/docs/thought-signatures
    """
    if recording.api != "generate_content":
        return [frozenset({each}) for each in signatures]
    parts = signed_parts(recording.body, stream=recording.stream)
    calls = [frozenset({part["thoughtSignature"]}) for part in parts if "functionCall" in part]
    texts = frozenset(part["thoughtSignature"] for part in parts if part.get("text") or "inlineData" in part)
    return calls or ([texts] if texts else [])


def _again(signature: str) -> str:
    """A blob of Bedrock's is base64 of what is base64 already."""
    return base64.b64encode(signature.encode()).decode()


def _strings(value: Any) -> set[str]:
    if isinstance(value, str):
        return {value}
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {text for each in inner for text in _strings(each)}


def _thoughts(recording: Recording) -> list[str]:
    """The text that each signature covers, where one block holds it all."""
    whole = read(recording)
    if len(whole.signatures) != 1 or not re.search(r"\S", whole.choices[0].reasoning):
        return []
    return [whole.choices[0].reasoning]
