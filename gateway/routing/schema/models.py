"""`models:` in the routing file: what applications ask for, and the targets that answer."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, GetJsonSchemaHandler, Tag, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from gateway.routing.schema.policies import PolicyRules
from gateway.routing.schema.providers import DataPolicyRules, ProviderLimitRules
from gateway.routing.schema.scalars import (
    Capability,
    Count,
    Flag,
    IsoDate,
    NanoUsd,
    Rule,
    Weight,
    Whole,
    Word,
)


class PriceTierRules(Rule):
    """What a request costs whose input is longer than so many tokens."""

    tokens: Count = Field(description="Input tokens above which this holds.")
    input: NanoUsd = Field(description="USD per million input tokens.")
    output: NanoUsd = Field(description="USD per million output tokens.")


class PriceRules(Rule):
    """A target's price: by tokens (USD per million), or by the hour of the hardware."""

    input: NanoUsd | None = Field(default=None, description="Input tokens.")
    output: NanoUsd | None = Field(default=None, description="Output tokens.")
    cached_input: NanoUsd | None = Field(default=None, description="Input read from a cache (default: as input).")
    cache_write: NanoUsd | None = Field(default=None, description="Input written to a cache (default: as input).")
    reasoning: NanoUsd | None = Field(default=None, description="Reasoning tokens (default: as output).")
    image: NanoUsd | None = Field(default=None, description="Image tokens (default: as input).")
    audio_input: NanoUsd | None = Field(default=None, description="Audio tokens in (default: as input).")
    audio_output: NanoUsd | None = Field(default=None, description="Audio tokens out (default: as output).")
    request: NanoUsd | None = Field(default=None, description="USD per request, beside its tokens.")
    above: tuple[PriceTierRules, ...] = Field(default=(), description="Dearer tiers for long inputs, shortest first.")
    from_: Annotated[date | None, IsoDate] = Field(
        default=None, alias="from", description="The day this price begins, YYYY-MM-DD."
    )
    gpu_hour: NanoUsd | None = Field(default=None, description="USD per hour of one GPU.")
    gpus: Count | None = Field(default=None, description="GPUs per replica (default 1).")

    @model_validator(mode="after")
    def _one_form(self) -> "PriceRules":
        by_the_hour = self.model_fields_set & {"gpu_hour", "gpus"}
        by_token = self.model_fields_set - {"gpu_hour", "gpus", "from_"}
        if by_the_hour and by_token:
            raise PydanticCustomError("price", "either by tokens (input, output, …) or by the hour (gpu_hour, gpus)")
        if by_the_hour and self.gpu_hour is None:
            raise PydanticCustomError("price", "gpus goes with gpu_hour")
        if not by_the_hour and (self.input is None or self.output is None):
            raise PydanticCustomError("price", "input and output are both needed (0 if free), or gpu_hour")
        tiers = [tier.tokens for tier in self.above]
        if tiers != sorted(set(tiers)):
            raise PydanticCustomError("price", "above lists its tiers by rising tokens, each once")
        return self


class ChargeRules(Rule):
    """What a self-hosted target is charged at, USD per million tokens."""

    input: NanoUsd = Field(description="Input tokens.")
    output: NanoUsd = Field(description="Output tokens.")


class TargetRules(Rule):
    """One place where a model runs."""

    provider: Word = Field(description="A name under `providers`.")
    model: Word = Field(description="The provider's own name of the model; `*` under a wildcard: what was asked for.")
    priority: Count = Field(default=1, description="1 is tried first.")
    weight: Weight = Field(default=1, description="Share among targets of the same priority.")
    price: PriceRules | None = Field(default=None, description="Its price; absent: the catalogue's.")
    charge: ChargeRules | None = Field(default=None, description="Self-hosted: what callers are charged.")
    capabilities: tuple[Capability, ...] | None = Field(default=None, description="In place of the model's.")
    context_window: Count | None = Field(default=None, description="In place of the model's.")
    max_output: Count | None = Field(default=None, description="In place of the model's.")
    quantization: Word | None = Field(default=None, description="For example `fp8`.")
    data_policy: DataPolicyRules | None = Field(default=None, description="In place of the provider's.")
    limits: ProviderLimitRules | None = Field(default=None, description="In place of the provider's.")


class VariantRules(Rule):
    """One of several versions under one name."""

    weight: Whole = Field(description="Share of the requests.")
    model: Word = Field(description="A model of this file, or one of its LoRA adapters (`base:adapter`).")


class FallbackRules(Rule):
    """Other models, when this one can't answer. A bare list is `on_error`."""

    on_error: tuple[Word, ...] = Field(default=(), description="When every target has failed.")
    on_context_overflow: tuple[Word, ...] = Field(default=(), description="When the input is too long.")
    on_refusal: tuple[Word, ...] = Field(default=(), description="When the provider's content filter refuses.")

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, value: Any) -> Any:
        return {"on_error": value} if isinstance(value, list) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [{"type": "array", "items": {"type": "string"}}, handler(core)]}


def _policy_form(value: Any) -> str:
    return "inline-policy" if isinstance(value, dict | PolicyRules) else "policy-name"


PolicyChoice = Annotated[
    Annotated[Word, Tag("policy-name")] | Annotated[PolicyRules, Tag("inline-policy")], Discriminator(_policy_form)
]


class ModelRules(Rule):
    """What applications ask for. Either targets, or variants that share the name."""

    targets: tuple[TargetRules, ...] | None = Field(
        default=None, min_length=1, description="The same model, wherever it runs."
    )
    variants: dict[Word, VariantRules] | None = Field(
        default=None, min_length=1, description="Several versions under one name, by weight."
    )
    sticky: Literal["key", "user", "conversation"] | None = Field(
        default=None, description="What keeps to the variant it was given."
    )
    context_window: Count | None = Field(default=None, description="Tokens, input and output together.")
    max_output: Count | None = Field(default=None, description="The most tokens one answer can have.")
    capabilities: tuple[Capability, ...] | None = Field(
        default=None, description="For example tools, reasoning, json_schema, continue."
    )
    policy: PolicyChoice | None = Field(default=None, description="A name under `policies`, or a policy inline.")
    fallbacks: FallbackRules = Field(default_factory=FallbackRules, description="Other models to turn to.")
    description: str | None = Field(default=None, max_length=2000, description="Shown where models are listed.")
    hidden: Flag = Field(default=False, description="Left out where models are listed; can still be asked for.")

    @model_validator(mode="after")
    def _targets_or_variants(self) -> "ModelRules":
        if (self.targets is None) == (self.variants is None):
            raise PydanticCustomError("model", "either targets or variants")
        if self.sticky is not None and self.variants is None:
            raise PydanticCustomError("model", "sticky goes with variants")
        if self.variants is not None and not any(variant.weight for variant in self.variants.values()):
            raise PydanticCustomError("model", "at least one variant needs a weight above 0")
        return self
