"""`providers:` in the routing file: who can answer, and how to reach them."""

from typing import Any, Literal

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from gateway.routing.schema.policies import TimeoutRules
from gateway.routing.schema.quirks import QuirkRules
from gateway.routing.schema.scalars import (
    Count,
    Duration,
    Flag,
    HeaderName,
    HeaderValue,
    Rule,
    Secret,
    Share,
    Status,
    Url,
    Weight,
    Whole,
    Word,
)

Protocol = Literal["openai", "anthropic", "gemini", "vertex", "bedrock", "azure", "cohere", "vllm", "sandbox"]

RESERVED_NAMES = ("v1", "admin", "health", "metrics", "dashboard")

FIELDS_OF_ONE_PROTOCOL = {
    "bedrock": ("region", "access_key_id", "secret_access_key", "session_token"),
    "vertex": ("project", "location", "service_account"),
    "azure": ("api_version",),
    "sandbox": ("ttft", "tokens_per_second", "error_rate", "errors", "stall_rate", "cut_rate", "seed"),
}
"""Fields that mean something to a single protocol; elsewhere they are a mistake."""

SECRET_FIELDS = (
    "api_key",
    "credentials",
    "access_key_id",
    "secret_access_key",
    "session_token",
    "service_account",
)
"""A provider's key, whole or in part: an unset variable here disables the provider instead of failing the file."""


class EndpointRules(Rule):
    """One replica or address of a provider. A bare string is its url."""

    url: Url = Field(
        description="Base URL, with `/v1` where the provider's own client would have it. Empty: not named."
    )
    drain: Flag = Field(default=False, description="Gets no new requests; what runs there is left to finish.")
    weight: Weight = Field(default=1, description="Share of a target's requests, relative to its other endpoints.")

    @model_validator(mode="before")
    @classmethod
    def _from_string(cls, value: Any) -> Any:
        return {"url": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [{"type": "string"}, handler(core)]}


class KubernetesRules(Rule):
    """A Kubernetes service whose endpoints are the replicas."""

    service: Word = Field(description="Name of the service.")
    namespace: Word = Field(default="default", description="Its namespace.")
    port: int = Field(ge=1, le=65535, description="The port the replicas listen on.")


class DiscoverRules(Rule):
    """Where a changing list of endpoints is read from: exactly one of these."""

    dns: Word | None = Field(default=None, description="`host:port`; each address it resolves to is a replica.")
    srv: Word | None = Field(default=None, description="Name of an SRV record.")
    kubernetes: KubernetesRules | None = Field(default=None, description="A Kubernetes service.")
    file: Word | None = Field(default=None, description="A file with one URL per line, read again on change.")

    @model_validator(mode="after")
    def _exactly_one(self) -> "DiscoverRules":
        if len(self.model_fields_set) != 1:
            raise PydanticCustomError("discover", "exactly one of dns, srv, kubernetes and file")
        return self


class CredentialRules(Rule):
    """A provider's keys when teams bring their own."""

    default: Secret | None = Field(default=None, description="The key for everybody else.")
    teams: dict[Word, Secret] = Field(default_factory=dict, description="Team name → its own key.")


class ProviderLimitRules(Rule):
    """What the provider grants us; a full one is passed over."""

    rpm: Count | None = Field(default=None, description="Requests per minute.")
    tpm: Count | None = Field(default=None, description="Tokens per minute.")
    concurrency: Count | None = Field(default=None, description="Requests at a time.")


class DataPolicyRules(Rule):
    """What the provider does with what it is sent. What is not stated does not satisfy a requirement."""

    trains: Flag | None = Field(default=None, description="Whether it trains on the data.")
    retains: Flag | None = Field(default=None, description="Whether it keeps the data.")
    region: Word | None = Field(default=None, description="Where the data is processed, for example `eu`.")


class TlsRules(Rule):
    """TLS towards the provider, as paths of PEM files."""

    ca: Word | None = Field(default=None, description="Authorities to trust in place of the system's.")
    cert: Word | None = Field(default=None, description="Client certificate.")
    key: Word | None = Field(default=None, description="The client certificate's key.")

    @model_validator(mode="after")
    def _a_pair(self) -> "TlsRules":
        if (self.cert is None) != (self.key is None):
            raise PydanticCustomError("tls", "cert and key come together")
        return self


class ProviderRules(Rule):
    """Who can answer. A known name needs no more than `{}`: protocol, URL and key variable are built in."""

    protocol: Protocol | None = Field(default=None, description="The wire format it speaks. Known names have one.")
    base_url: Url | None = Field(default=None, description="What the provider's own client would be given.")
    endpoints: tuple[EndpointRules, ...] | None = Field(default=None, description="Several base URLs in place of one.")
    discover: DiscoverRules | None = Field(default=None, description="Where to find the endpoints.")
    api_key: Secret | None = Field(default=None, description="Its key, usually `${NAME}`. Unset: disabled.")
    credentials: CredentialRules | None = Field(default=None, description="Keys by team, in place of `api_key`.")
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict, description="Sent with each request.")
    limits: ProviderLimitRules | None = Field(default=None, description="What the provider grants us.")
    data_policy: DataPolicyRules = Field(
        default_factory=DataPolicyRules, description="What it does with the data. Unknown satisfies no requirement."
    )
    timeouts: TimeoutRules = Field(default_factory=TimeoutRules, description="Its own clocks, over the defaults.")
    tls: TlsRules | None = Field(default=None, description="Certificates towards the provider.")
    quirks: QuirkRules | None = Field(default=None, description="Where it departs from its protocol.")

    region: Word | None = Field(default=None, description="`bedrock`: AWS region.")
    access_key_id: Secret | None = Field(default=None, description="`bedrock`: else the usual AWS chain.")
    secret_access_key: Secret | None = Field(default=None, description="`bedrock`: else the usual AWS chain.")
    session_token: Secret | None = Field(default=None, description="`bedrock`: for temporary credentials.")
    project: Word | None = Field(default=None, description="`vertex`: Google Cloud project.")
    location: Word | None = Field(default=None, description="`vertex`: for example `global` or `europe-west4`.")
    service_account: HeaderValue | None = Field(default=None, description="`vertex`: a file's path, or its JSON.")
    api_version: Word | None = Field(default=None, description="`azure`: absent means the v1 surface.")
    ttft: Duration | None = Field(default=None, description="`sandbox`: time to its first token.")
    tokens_per_second: Weight | None = Field(default=None, description="`sandbox`: its pace. Absent: at once.")
    error_rate: Share | None = Field(default=None, description="`sandbox`: share of requests that fail.")
    errors: tuple[Status, ...] | None = Field(default=None, description="`sandbox`: the statuses they fail with.")
    stall_rate: Share | None = Field(default=None, description="`sandbox`: share of requests that hang.")
    cut_rate: Share | None = Field(default=None, description="`sandbox`: share of answers cut in the middle.")
    seed: Whole | None = Field(default=None, description="`sandbox`: the same seed gives the same answers and faults.")

    @model_validator(mode="after")
    def _one_address(self) -> "ProviderRules":
        given = [name for name in ("base_url", "endpoints", "discover") if getattr(self, name) is not None]
        if len(given) > 1:
            raise PydanticCustomError("address", "only one of base_url, endpoints and discover")
        if self.api_key is not None and self.credentials is not None and self.credentials.default is not None:
            raise PydanticCustomError("credentials", "api_key and credentials.default are the same thing: keep one")
        return self
