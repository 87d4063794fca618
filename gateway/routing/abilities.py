"""What a request needs of a model, against what the routing file says that the model does.

Where a file declares nothing for a model, nothing is left out: unknown is not a refusal. Where it declares something,
that is the whole list.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from gateway.routing import body


class Need(NamedTuple):
    """Something that a request can ask for, and the capabilities of which each one serves it."""

    name: str
    served_by: frozenset[str]
    asked: Callable[[Mapping[str, Any], set[Any]], bool]
    """Of the body, and of the types of its content parts."""


def _parts(kinds: frozenset[str]) -> Callable[[Mapping[str, Any], set[Any]], bool]:
    return lambda _, found: not kinds.isdisjoint(found)


NEEDS = (
    Need("tools", frozenset({"tools"}), lambda asked, _: body.has_tools(asked)),
    Need("json_schema", frozenset({"json_schema"}), lambda asked, _: body.format_of(asked) == "json_schema"),
    Need(
        "json_object",
        frozenset({"json_object", "json_schema"}),
        lambda asked, _: body.format_of(asked) == "json_object",
    ),
    Need("reasoning", frozenset({"reasoning"}), lambda asked, _: body.reasons(asked)),
    Need("logprobs", frozenset({"logprobs"}), lambda asked, _: body.wants_logprobs(asked)),
    Need("n", frozenset({"n"}), lambda asked, _: body.wants_several(asked)),
    Need("images", frozenset({"images"}), _parts(body.IMAGES)),
    Need("audio", frozenset({"audio"}), lambda asked, found: not body.AUDIO.isdisjoint(found) or body.speaks(asked)),
    Need("files", frozenset({"files"}), _parts(body.FILES)),
    Need("video", frozenset({"video"}), _parts(body.VIDEO)),
)
_OF_PARTS = frozenset({"images", "audio", "files", "video"})
KNOWN_CAPABILITIES = frozenset().union(*(need.served_by for need in NEEDS)) | {"continue", "prefill"}
"""What `capabilities` may say to some effect; `continue` and `prefill` concern a begun answer, not a request."""


@dataclass(frozen=True, slots=True)
class Ability:
    """What the file says of one target."""

    capabilities: frozenset[str] | None = None
    """None: nothing is declared."""
    quantization: str | None = None

    def lacks(self, needs: Iterable[str]) -> str | None:
        """Why it can't serve a request with these needs; None: it can, as far as is known."""
        if self.capabilities is None:
            return None
        lacking = [name for name in sorted(needs) if self.capabilities.isdisjoint(_SERVED_BY[name])]
        return f"does not do {' and '.join(lacking)}" if lacking else None


_SERVED_BY = MappingProxyType({need.name: need.served_by for need in NEEDS})
NOTHING_SAID = Ability()


def watched(abilities: Iterable[Ability]) -> tuple[Need, ...]:
    """The needs that could leave one of these out: all others need not be looked for in requests."""
    declared = [one.capabilities for one in abilities if one.capabilities is not None]
    return tuple(need for need in NEEDS if any(each.isdisjoint(need.served_by) for each in declared))


def needs_of(asked: Mapping[str, Any], among: Iterable[Need] = NEEDS) -> frozenset[str]:
    """What this body needs, of these needs."""
    parts = body.kinds_of_parts(asked) if any(need.name in _OF_PARTS for need in among) else set()
    return frozenset([need.name for need in among if need.asked(asked, parts)])
