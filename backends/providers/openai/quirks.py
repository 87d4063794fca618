"""A request in the words of the provider that gets it: `Quirks`, applied.

What a provider takes as it is, is left alone, so that the caller's bytes pass. Where nothing but names of fields
change, only those bytes do. Everything else is written anew from what was parsed.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from backends.errors import NotCarried
from backends.providers.openai.messages import mended_fields
from backends.providers.openai.reasoning import ASKED_BY, say_wish
from backends.types import NO_QUIRKS, ChatRequest, Quirks, Target

_HARMLESS: Mapping[str, tuple[Any, ...]] = MappingProxyType(
    {"n": (1,), "tools": ([],), "functions": ([],), "tool_choice": ("auto", "none"), "logprobs": (False,)}
)
"""Values of fields with which nothing is asked that would not be had without them."""


class _Plan(NamedTuple):
    """What concerns one model of one provider, made once."""

    quirks: Quirks
    names: Mapping[str, str]
    dropped: frozenset[str]
    concerned: frozenset[str]
    """Fields that need a look."""


def mend(chat: ChatRequest, target: Target) -> tuple[ChatRequest, tuple[str, ...]]:
    """The request as this target takes it, and which of the caller's fields were left out. Raises NotCarried."""
    if target.quirks is NO_QUIRKS:
        return chat, ()
    plan = _plan(target.quirks, target.model)
    fields = plan.concerned & chat.body.keys()
    mended = mended_fields(chat.body, plan.quirks)
    if plan.quirks.usage_unasked:
        chat = chat._replace(wants_usage=True)  # so that nobody asks for it
    if not fields and not mended:
        return chat, ()
    if not mended and fields <= plan.names.keys():
        renamed = _renamed_in_place(chat, plan, fields)
        if renamed is not None:
            return renamed, ()
    return _rebuilt(chat, target, plan, mended)


@lru_cache(maxsize=1024)
def _plan(quirks: Quirks, model: str) -> _Plan:
    dropped = quirks.dropped.union(*(names for pattern, names in quirks.dropped_for if fnmatchcase(model, pattern)))
    concerned = dropped | quirks.refused | dict(quirks.renamed).keys()
    if quirks.reasoning_switch:
        concerned |= ASKED_BY if quirks.reasoning_switch != "effort" else {"reasoning"}
    if not quirks.json_schema:
        concerned |= {"response_format"}
    if quirks.usage_unasked:
        concerned |= {"stream_options"}
    return _Plan(quirks, MappingProxyType(dict(quirks.renamed)), dropped, concerned)


def _renamed_in_place(chat: ChatRequest, plan: _Plan, fields: frozenset[str]) -> ChatRequest | None:
    """Only the names change: where the bytes say plainly which they are, nothing else is touched."""
    raw = chat.raw
    if chat.native is not None or (not chat.plain and b"\\u00" in raw):
        return None
    for name in fields:
        old, new = b'"%b"' % name.encode(), plan.names[name]
        if new in chat.body or raw.count(old) != 1:
            return None
        raw = raw.replace(old, b'"%b"' % new.encode())
    return chat._replace(raw=raw, body={plan.names.get(name, name): value for name, value in chat.body.items()})


def _rebuilt(
    chat: ChatRequest, target: Target, plan: _Plan, mended: Mapping[str, Any]
) -> tuple[ChatRequest, tuple[str, ...]]:
    quirks = plan.quirks
    body, left_out = _fields(chat.body, target, plan)
    if not quirks.json_schema:
        _refuse_schema(body.get("response_format"), target)
    if quirks.reasoning_switch and not ASKED_BY.isdisjoint(body):
        left_out += say_wish(body, quirks.reasoning_switch)
    if quirks.usage_unasked:
        body.pop("stream_options", None)
    body.update({name: value for name, value in mended.items() if name in body})
    if chat.native is not None:  # its bytes are another dialect's
        return chat._replace(body=body), tuple(left_out)
    return chat._replace(raw=orjson.dumps(body), body=body, plain=True), tuple(left_out)


def _fields(asked: Mapping[str, Any], target: Target, plan: _Plan) -> tuple[dict[str, Any], list[str]]:
    """What of the request goes on, under the provider's names; and what does not."""
    body: dict[str, Any] = {}
    left_out = list[str]()
    for name, value in asked.items():
        if name in plan.quirks.refused:
            _refuse(name, value, target)
        elif name in plan.dropped:
            left_out += [name] if value is not None else []
        elif name in plan.names and plan.names[name] in asked:
            left_out.append(name)  # said twice: its own name counts
        else:
            body[plan.names.get(name, name)] = value
    return body, left_out


def _refuse(name: str, value: Any, target: Target) -> None:
    if value is None or value in _HARMLESS.get(name, ()):
        return
    raise NotCarried(name, f"'{name}' is nothing that {target.provider} can do. Leave it out, or name another model.")


def _refuse_schema(wanted: Any, target: Target) -> None:
    if isinstance(wanted, Mapping) and wanted.get("type") == "json_schema":
        raise NotCarried(
            "response_format",
            f"{target.provider} has no 'json_schema': ask for 'json_object' and describe the answer in the prompt, "
            "or name another model.",
        )
