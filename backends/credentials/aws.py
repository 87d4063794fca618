"""Requests signed for AWS (Signature Version 4) by botocore, with the credentials that AWS' own tools would find.

botocore comes with an extra and is imported here alone, when the first request is to be signed.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from backends.backend import Backend
from backends.credentials.base import CredentialFailed
from backends.types import UpstreamRequest

INSTALL = "AWS signatures need botocore, which comes with an extra: pip install 'headrace[bedrock]'"
_SERVICE = "bedrock"
_REGION_IN_HOST = re.compile(r"bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\.")
# Only what nobody on the way has a reason to touch; the host is signed in any case.
_SIGNED = ("content-type",)
_ADDED = ("authorization", "x-amz-date", "x-amz-security-token")
_LAST_MINUTE_S = 60
"""So long before their end credentials count as expired: a request must still arrive with them."""
_LONG_BODY = 256 << 10
"""From here on a body is hashed beside the loop."""
_AGAIN_AFTER_S = 5.0
"""After a failure nobody is asked again for so long: the chain ends at an address that may not answer."""


@dataclass(frozen=True, slots=True)
class AwsSettings:
    """Implements CredentialSettings: what a routing file says of a Bedrock provider's credentials."""

    region: str | None = None
    """None: the one in the URL, else that of the environment or profile."""
    access_key_id: str | None = field(default=None, repr=False)
    """None: the usual chain: environment, profile, web identity, container, instance."""
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)

    def open(self, backend: Backend) -> "AwsSignature":  # noqa: ARG002  botocore asks its endpoints itself
        """Nothing is read and nobody asked before the first request."""
        return AwsSignature(self)


def missing_extra() -> str | None:
    """What to install, where it is missing."""
    return None if find_spec("botocore") is not None else INSTALL


class _Found(NamedTuple):
    """What was resolved: a credentials object of botocore's, and the region beside it."""

    credentials: Any
    refreshable: bool
    region: str | None


class AwsSignature:
    """Implements Credentials. A request waits for credentials only while there are none, or the last have run out;
    a renewal that is merely due runs beside it, once for all."""

    def __init__(self, settings: AwsSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._found: _Found | None = None
        self._frozen: Any = None
        self._task: asyncio.Task[None] | None = None
        self._failure: CredentialFailed | None = None
        self._again_at = 0.0

    async def authorize(self, request: UpstreamRequest) -> UpstreamRequest:
        """The request with its signature; as it is, where it bears an API key already. Raises CredentialFailed."""
        if "authorization" in request.headers:
            return request
        await self._have_credentials()
        assert self._found is not None
        region = self._settings.region or _region_of(request.url) or self._found.region
        if region is None:
            raise CredentialFailed("no AWS region is named: set the provider's region, or AWS_REGION")
        if len(request.body) > _LONG_BODY:
            signed = await asyncio.to_thread(_sign, request, self._frozen, region)
        else:
            signed = _sign(request, self._frozen, region)
        return request._replace(headers=MappingProxyType({**request.headers, **signed}))

    async def close(self) -> None:
        """Wait for nobody."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _have_credentials(self) -> None:
        found = self._found
        if found is not None and not (found.refreshable and found.credentials.refresh_needed()):
            return
        if self._clock() < self._again_at:
            if self._usable():
                return
            if self._failure is not None:
                raise self._failure
        if self._task is None:
            self._task = asyncio.create_task(self._renew(), name="aws-credentials")
            self._task.add_done_callback(self._renewed)
        if not self._usable():
            # Shielded: a caller who leaves must not take the others' credentials along.
            await asyncio.shield(self._task)

    def _usable(self) -> bool:
        found = self._found
        if found is None or self._frozen is None:
            return False
        return not (found.refreshable and found.credentials.refresh_needed(_LAST_MINUTE_S))

    async def _renew(self) -> None:
        if self._found is None:
            self._found = await asyncio.to_thread(_resolve, self._settings)
        self._frozen = await asyncio.to_thread(_freeze, self._found.credentials)

    def _renewed(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if task.cancelled():
            return
        error = task.exception()
        self._failure = error if isinstance(error, CredentialFailed) else None
        self._again_at = self._clock() + _AGAIN_AFTER_S


def _region_of(url: str) -> str | None:
    found = _REGION_IN_HOST.match(urlsplit(url).hostname or "")
    return found[1] if found else None


def _botocore(name: str) -> Any:
    try:
        return import_module(f"botocore.{name}")
    except ImportError as error:
        raise CredentialFailed(INSTALL) from error


def _resolve(settings: AwsSettings) -> _Found:
    """Runs in a thread: it reads files, may start a process, and may ask the metadata address of the machine."""
    credentials = _botocore("credentials")
    # At the level of debugging it writes session tokens and signatures down.
    logging.getLogger("botocore").setLevel(logging.INFO)
    if settings.access_key_id and settings.secret_access_key:
        own = credentials.Credentials(settings.access_key_id, settings.secret_access_key, settings.session_token)
        return _Found(own, False, None)
    try:
        session = _botocore("session").Session()
        found = session.get_credentials()
        region = session.get_config_variable("region")
    except _failures() as error:
        raise CredentialFailed(f"AWS credentials could not be had: {type(error).__name__}") from None
    if found is None:
        raise CredentialFailed(
            "no AWS credentials were found: give access_key_id and secret_access_key, an api_key, "
            "AWS_ACCESS_KEY_ID, a profile, or a role"
        )
    return _Found(found, isinstance(found, credentials.RefreshableCredentials), region)


def _freeze(credentials: Any) -> Any:
    """Access key, secret and token that belong together. Runs in a thread: a renewal asks somebody."""
    try:
        return credentials.get_frozen_credentials()
    except _failures() as error:
        raise CredentialFailed(f"AWS credentials could not be renewed: {type(error).__name__}") from None


def _failures() -> tuple[type[Exception], ...]:
    """What may go wrong with files, processes and addresses of others. Their texts may hold what they were given."""
    exceptions = _botocore("exceptions")
    return (exceptions.BotoCoreError, exceptions.ClientError, OSError, ValueError, KeyError)


def _sign(request: UpstreamRequest, frozen: Any, region: str) -> Mapping[str, str]:
    """The headers that are added."""
    signed = {name: request.headers[name] for name in _SIGNED if name in request.headers}
    aws_request = _botocore("awsrequest").AWSRequest(request.method, request.url, headers=signed, data=request.body)
    _botocore("auth").SigV4Auth(frozen, _SERVICE, region).add_auth(aws_request)
    return {name: aws_request.headers[name] for name in _ADDED if name in aws_request.headers}
