"""`guards:` and `routes:` in the routing file: conditions that narrow or deny, and conditions that choose."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from gateway.routing.schema.policies import RequirementRules
from gateway.routing.schema.scalars import Count, Rule, Word

Dialect = Literal[
    "openai_chat",
    "openai_responses",
    "anthropic_messages",
    "openai_completions",
    "openai_embeddings",
    "rerank",
    "openai_moderations",
    "openai_images",
    "openai_speech",
    "openai_transcriptions",
    "openai_translations",
]


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Models = Annotated[
    tuple[Word, ...],
    BeforeValidator(_as_list),
    Field(min_length=1),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
"""One name, or a list."""
Expression = Annotated[str, Field(min_length=1, max_length=4096)]


class ScopeRules(Rule):
    """Which targets: by provider, by model as applications know it, by region. All that is named must match."""

    providers: tuple[Word, ...] | None = Field(default=None, min_length=1, description="Provider names.")
    models: tuple[Word, ...] | None = Field(default=None, min_length=1, description="Model names; `*` stands for any.")
    regions: tuple[Word, ...] | None = Field(default=None, min_length=1, description="Regions of the data policy.")

    @model_validator(mode="after")
    def _something(self) -> "ScopeRules":
        if not self.model_fields_set:
            raise PydanticCustomError("scope", "at least one of providers, models and regions")
        return self


class GuardRules(Rule):
    """Every guard that matches applies. It may only narrow or deny; an error in its condition denies."""

    name: Word = Field(description="Named in the answer it causes.")
    when: Expression = Field(description="CEL condition.")
    deny: Word | None = Field(default=None, description="Refuse, with this message.")
    only: ScopeRules | None = Field(default=None, description="Only these targets.")
    except_: ScopeRules | None = Field(default=None, alias="except", description="All but these targets.")
    require: RequirementRules | None = Field(default=None, description="Only targets that meet this.")
    models: Models | None = Field(default=None, description="Look only at requests for these models.")
    max_tokens: Count | None = Field(default=None, description="The most output a request may ask for.")

    @model_validator(mode="after")
    def _one_effect(self) -> "GuardRules":
        effects = self.model_fields_set & {"deny", "only", "except_", "require"}
        if len(effects) > 1 or not (effects or self.max_tokens):
            raise PydanticCustomError("guard", "exactly one of deny, only, except and require")
        return self


class RouteRules(Rule):
    """The first route that matches decides. It may only be narrowed by guards."""

    name: Word = Field(description="Named in the decision.")
    when: Expression = Field(description="CEL condition; an error in it is false.")
    models: Models | None = Field(default=None, description="Look only at requests for these models.")
    dialects: tuple[Dialect, ...] | None = Field(
        default=None, min_length=1, description="Look only at requests in these dialects."
    )
    route: Models | None = Field(default=None, description="The model to use, or several in order.")
    policy: Word | None = Field(default=None, description="The policy to choose by.")
    priority: int | None = Field(default=None, ge=0, le=100, description="Place in a queue; higher goes first.")

    @model_validator(mode="after")
    def _some_effect(self) -> "RouteRules":
        if self.route is None and self.policy is None and self.priority is None:
            raise PydanticCustomError("route", "at least one of route, policy and priority")
        return self
