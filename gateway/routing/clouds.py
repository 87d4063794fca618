"""Providers inside a cloud: an address made of a project or a region, and a proof of who we are in place of a key.

What the file leaves out comes from the variables that each cloud's own tools read.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from backends.credentials import CredentialSettings, GoogleSettings
from backends.credentials.aws import AwsSettings, missing_extra
from backends.credentials.entra import AUTHORITY, EntraSettings
from backends.providers.bedrock.endpoint import REGION_VARIABLES, endpoint_url
from backends.providers.vertex.address import location_url
from gateway.routing.schema.providers import ProviderRules


@dataclass(frozen=True, slots=True)
class Cloud:
    """What a provider's fields and the environment come to."""

    base_url: str = ""
    credentials: CredentialSettings | None = None
    missing: str | None = None
    """Why it can't be used, in words for the operator."""


NO_CLOUD = Cloud()


def cloud_of(protocol: str, rules: ProviderRules, key: str | None, environment: Mapping[str, str]) -> Cloud:
    """`key` is the provider's ready key or token, where it has one: then no other proof is needed."""
    place = _CLOUDS.get(protocol)
    return NO_CLOUD if place is None else place(rules, key, environment)


def _vertex(rules: ProviderRules, key: str | None, environment: Mapping[str, str]) -> Cloud:
    """https://cloud.google.com/docs/authentication/application-default-credentials"""
    project = rules.project or environment.get("GOOGLE_CLOUD_PROJECT")
    location = rules.location or environment.get("GOOGLE_CLOUD_LOCATION") or "global"
    credentials = None
    if key is None:
        given = rules.service_account.get_secret_value() if rules.service_account is not None else None
        # With neither, the machine's own service account is asked for from the metadata server.
        credentials = GoogleSettings(given or environment.get("GOOGLE_APPLICATION_CREDENTIALS") or None)
    if not project:
        return Cloud(credentials=credentials, missing="project is not set")
    return Cloud(location_url(project, location), credentials)


def _bedrock(rules: ProviderRules, key: str | None, environment: Mapping[str, str]) -> Cloud:
    """https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html"""
    region = rules.region or next(filter(None, map(environment.get, REGION_VARIABLES)), None)
    base_url = endpoint_url(region) if region else ""
    missing = None if region or rules.base_url or rules.endpoints else "region is not set"
    if key is not None:
        return Cloud(base_url, missing=missing)
    given = [
        value.get_secret_value() if value is not None else None
        for value in (rules.access_key_id, rules.secret_access_key, rules.session_token)
    ]
    if bool(given[0]) != bool(given[1]):
        missing = missing or "access_key_id and secret_access_key come together"
    return Cloud(base_url, AwsSettings(region, *given), missing or missing_extra())


def _azure(rules: ProviderRules, key: str | None, environment: Mapping[str, str]) -> Cloud:
    """https://learn.microsoft.com/python/api/azure-identity/azure.identity.environmentcredential"""
    base_url = environment.get("AZURE_OPENAI_ENDPOINT", "").strip().rstrip("/")
    if key is not None or rules.api_key is not None:
        return Cloud(base_url)
    tenant, client = environment.get("AZURE_TENANT_ID"), environment.get("AZURE_CLIENT_ID")
    secret = environment.get("AZURE_CLIENT_SECRET") or None
    token_file = environment.get("AZURE_FEDERATED_TOKEN_FILE") or None
    if not tenant or not client or not (secret or token_file):
        return Cloud(base_url, missing="AZURE_OPENAI_API_KEY is not set, nor is an Entra application (AZURE_CLIENT_ID)")
    authority = environment.get("AZURE_AUTHORITY_HOST") or AUTHORITY
    return Cloud(base_url, EntraSettings(tenant, client, secret, token_file, authority))


_CLOUDS: Mapping[str, Callable[[ProviderRules, str | None, Mapping[str, str]], Cloud]] = MappingProxyType(
    {"vertex": _vertex, "bedrock": _bedrock, "azure": _azure}
)
