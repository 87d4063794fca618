"""The schema of routing_rules.yaml: the root; `schema/` holds one file per place.

Pydantic stands at this door: it says which keys there are and what a value may be. Whether the names in the file
belong together is `references.py`'s; where a fault stands in the file, `faults.py`'s.
"""

from datetime import UTC, tzinfo
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from gateway.routing.schema.guards import GuardRules, RouteRules
from gateway.routing.schema.models import ModelRules
from gateway.routing.schema.policies import DefaultRules, PolicyRules
from gateway.routing.schema.providers import RESERVED_NAMES, ProviderRules
from gateway.routing.schema.scalars import Duration, Rule, Word


def _provider_name(name: str) -> str:
    if name in RESERVED_NAMES:
        raise PydanticCustomError("reserved", "this name is reserved: it stands in the gateway's own URLs")
    return name


def time_zone(name: str) -> tzinfo:
    """The zone of that name. UTC needs no zone database, which slim images lack."""
    return UTC if name.upper() == "UTC" else ZoneInfo(name)


def _known_zone(name: str) -> str:
    try:
        time_zone(name)
    except (KeyError, ValueError, OSError):
        raise PydanticCustomError("timezone", "a time zone such as UTC or Europe/Berlin") from None
    return name


ProviderName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=64), AfterValidator(_provider_name)]
"""Lower case, since it stands in URLs and in `provider/model`."""
ModelName = Annotated[str, Field(pattern=r"^[^\s\x00-\x1f\x7f]+$", max_length=256)]
TagName = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", max_length=64)]
"""An identifier: conditions read it as `key.tags.NAME`."""


class ContentLogRules(Rule):
    """Which prompts and answers are kept. Nothing is, unless a team is named here."""

    teams: tuple[Word, ...] = Field(default=(), description="Teams whose content is kept.")
    redact: tuple[Word, ...] = Field(default=(), description="Patterns that are blackened first.")
    retain: Duration | None = Field(default=None, description="How long it is kept.")
    to: Word | None = Field(default=None, description="Where it is kept.")


class EgressRules(Rule):
    """Where the gateway may connect to at all."""

    allow: tuple[Word, ...] | None = Field(
        default=None, description="Host names that providers may have; `*` stands for any part. Absent: all."
    )


class RoutingRules(Rule):
    """The whole file: who can answer, what applications may ask for, and how to choose."""

    version: Literal[1] = Field(default=1, description="Version of this format.")
    timezone: Annotated[str, AfterValidator(_known_zone)] = Field(
        default="UTC", description="The zone that conditions read `time` in."
    )
    tags: dict[TagName, tuple[Word, ...]] = Field(
        default_factory=dict, description="Tags that conditions may read → their values. A key without one reads ''."
    )
    include: tuple[Word, ...] = Field(default=(), description="More files, relative to this one; `*` stands for any.")
    providers: dict[ProviderName, ProviderRules] = Field(default_factory=dict, description="Who can answer.")
    models: dict[ModelName, ModelRules] = Field(default_factory=dict, description="What applications ask for.")
    aliases: dict[ModelName, Word] = Field(default_factory=dict, description="Another name → a model of this file.")
    policies: dict[Word, PolicyRules] = Field(default_factory=dict, description="How to choose among targets.")
    defaults: DefaultRules = Field(default_factory=DefaultRules, description="What holds where nothing is said.")
    guards: tuple[GuardRules, ...] = Field(default=(), description="Conditions that narrow or deny.")
    routes: tuple[RouteRules, ...] = Field(default=(), description="Conditions that choose model and policy.")
    content_log: ContentLogRules | None = Field(default=None, description="Which prompts and answers are kept.")
    egress: EgressRules | None = Field(default=None, description="Where the gateway may connect to.")
