"""`policies:` and `defaults:` in the routing file: how to choose among targets, how long to wait, when to try again."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from gateway.routing.schema.scalars import (
    Amount,
    Count,
    Duration,
    FirstToken,
    Flag,
    HedgeAfter,
    NanoUsd,
    Rule,
    Share,
    Weight,
    Word,
)

Objective = Literal["cost", "latency", "throughput", "balanced", "weighted", "priority"]
MidStream = Literal["continue", "same_model", "error"]


def _retry_reason(value: Any) -> Any:
    """A status, a class of statuses, or a word; YAML gives `408` as a number."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if text in ("connect", "timeout", "4xx", "5xx"):
        return text
    if isinstance(text, str) and len(text) == 3 and text.isascii() and text.isdigit() and text[0] in "45":
        return text
    raise PydanticCustomError("retry_on", "connect, timeout, 4xx, 5xx, or a status from 400 to 599")


RetryReason = Annotated[
    str,
    BeforeValidator(_retry_reason),
    WithJsonSchema({"anyOf": [{"enum": ["connect", "timeout", "4xx", "5xx"]}, {"type": "integer", "minimum": 400}]}),
]


class TimeoutRules(Rule):
    """The clocks. What is left out comes from the next wider place: policy, provider, defaults."""

    connect: Duration | None = Field(default=None, description="To open a connection (default 2s).")
    first_token: FirstToken | None = Field(
        default=None, description="Streams: from sending to the first content; a time, or `learned` (default 60s)."
    )
    between_tokens: Duration | None = Field(default=None, description="Streams: silence between two (default 30s).")
    min_rate: Amount | None = Field(default=None, description="Streams: tokens per second, below which it is too slow.")
    answer: Duration | None = Field(default=None, description="One unary attempt, whole (default 5m).")
    total: Duration | None = Field(default=None, description="A request until its answer begins (default 10m).")
    stream_total: Duration | None = Field(default=None, description="A live stream, whole (default 1h).")


class BackoffRules(Rule):
    """The wait before another try at the same target."""

    initial: Duration = Field(default=0.1, description="Before the second try; doubled after each.")
    max: Duration = Field(default=2.0, description="The longest wait.")


class RetryBudgetRules(Rule):
    """How many retries and hedges all requests together may cause, so that an outage is not multiplied."""

    percent: Annotated[Amount, Field(le=100)] = Field(default=20, description="Of the requests, in percent.")
    min_per_second: Amount = Field(default=0.3, description="Always allowed, however few requests there are.")


class RetryRules(Rule):
    """Tries at one target, before a fallback model is taken."""

    attempts: Count = Field(default=3, description="Tries per target, the first included.")
    retry_on: tuple[RetryReason, ...] = Field(
        default=("connect", "timeout", "408", "429", "5xx"), description="What deserves another try."
    )
    backoff: BackoffRules = Field(default_factory=BackoffRules, description="The wait between two tries.")
    budget: RetryBudgetRules = Field(default_factory=RetryBudgetRules, description="A bound on all retries together.")


class CircuitBreakerRules(Rule):
    """When a failing target is left alone for a while."""

    failures: Share = Field(default=0.5, description="Share of failures that opens the circuit.")
    over: Duration = Field(default=30.0, description="The window it is counted over.")
    minimum: Count = Field(default=10, description="Requests in the window below which it stays closed.")
    open_for: Duration = Field(default=15.0, description="How long until one request may probe it.")


class PriceCapRules(Rule):
    """A ceiling on a target's price, USD per million tokens. An unknown price is above it."""

    input: NanoUsd | None = Field(default=None, description="For input tokens.")
    output: NanoUsd | None = Field(default=None, description="For output tokens.")


class RequirementRules(Rule):
    """What a target must (`require`) or should (`prefer`) meet. What is not stated does not satisfy it."""

    max_price: PriceCapRules | None = Field(default=None, description="Ceiling on the price of a million tokens.")
    max_cost: NanoUsd | None = Field(default=None, description="Ceiling on the expected cost of the request, USD.")
    ttft_p50: Duration | None = Field(default=None, description="Ceiling on the median time to the first token.")
    ttft_p95: Duration | None = Field(default=None, description="Ceiling on the 95th percentile of it.")
    min_throughput: Weight | None = Field(default=None, description="Floor on tokens per second.")
    regions: tuple[Word, ...] | None = Field(default=None, description="The target's region is one of these.")
    trains: Flag | None = Field(default=None, description="`false`: the target does not train on the data.")
    retains: Flag | None = Field(default=None, description="`false`: the target does not keep the data.")


class HedgeRules(Rule):
    """A second attempt when the first is late; the first content wins."""

    after: HedgeAfter = Field(description="A quantile of the target's own first-token time, or a time.")
    max_share: Share = Field(default=0.05, description="The most hedges, as a share of the requests.")


class SpillRules(Rule):
    """When the own cluster's queue is long, others take over."""

    expected_wait: Duration = Field(description="Spill from this expected wait on.")
    return_below: Duration | None = Field(default=None, description="Come back below this one.")

    @model_validator(mode="after")
    def _hysteresis(self) -> "SpillRules":
        if self.return_below is not None and self.return_below > self.expected_wait:
            raise PydanticCustomError("spill", "return_below is at most expected_wait")
        return self


class PolicyRules(Rule):
    """How to choose among the targets that can serve a request."""

    objective: Objective = Field(description="What the order of targets is made by.")
    require: RequirementRules | None = Field(default=None, description="Hard: targets that miss it are out.")
    prefer: RequirementRules | None = Field(default=None, description="Soft: targets that miss it come last.")
    usd_per_second: Amount | None = Field(default=None, description="`balanced`: what a second of waiting is worth.")
    affinity: Literal["prefix", "session", "none"] | None = Field(
        default=None, description="Keep what belongs together on one replica."
    )
    hedge: HedgeRules | None = Field(default=None, description="A second attempt when the first is late.")
    spill: SpillRules | None = Field(default=None, description="When to leave the own cluster's queue.")
    timeouts: TimeoutRules = Field(default_factory=TimeoutRules, description="Its own clocks.")
    retry: RetryRules | None = Field(default=None, description="Its own tries.")
    circuit_breaker: CircuitBreakerRules | None = Field(default=None, description="Its own circuit breaker.")
    mid_stream: MidStream | None = Field(default=None, description="What becomes of a stream cut after its first byte.")

    @model_validator(mode="after")
    def _worth(self) -> "PolicyRules":
        if self.usd_per_second is not None and self.objective != "balanced":
            raise PydanticCustomError("usd_per_second", "usd_per_second belongs to objective: balanced")
        return self


class DefaultRules(Rule):
    """What holds where nothing else is said."""

    policy: Word | None = Field(default=None, description="Policy of models that name none; else by priority.")
    timeouts: TimeoutRules = Field(default_factory=TimeoutRules, description="The clocks.")
    retry: RetryRules | None = Field(default=None, description="Tries per target.")
    circuit_breaker: CircuitBreakerRules | None = Field(default=None, description="When to leave a target alone.")
    mid_stream: MidStream | None = Field(default=None, description="What becomes of a stream cut after its first byte.")
