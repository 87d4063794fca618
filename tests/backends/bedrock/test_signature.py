"""Signatures for AWS, held against an implementation of their own, and against AWS' published example."""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from backends.credentials import aws
from backends.credentials.aws import INSTALL, AwsSettings, AwsSignature, missing_extra
from backends.credentials.base import CredentialFailed
from backends.types import UpstreamRequest
from tests.backends.transport.wire import backend, until

KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
URL = "https://bedrock-runtime.eu-west-1.amazonaws.com/model/arn%3Aaws%3Abedrock%2Fx/converse"
needs_botocore = pytest.mark.skipif(
    missing_extra() is not None, reason="botocore is not installed (it comes with the extra 'bedrock')"
)


def asked(url: str = URL, body: bytes = b'{"messages": []}', **headers: str) -> UpstreamRequest:
    given = {"content-type": "application/json", "user-agent": "headrace", **headers}
    return UpstreamRequest("POST", url, given, body, stream=False, connect_timeout_s=2.0)


def signature(
    method: str, url: str, headers: Mapping[str, str], signed: str, body: bytes, scope: str, secret: str
) -> str:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html"""
    parts = urlsplit(url)
    lines = [f"{name}:{headers[name]}" for name in signed.split(";")]
    hashed = hashlib.sha256(body).hexdigest()
    request = "\n".join([method, quote(parts.path, safe="/~"), parts.query, *lines, "", signed, hashed])
    digest = hashlib.sha256(request.encode()).hexdigest()
    to_sign = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, digest])
    key = b"AWS4" + secret.encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()


def authorize(settings: AwsSettings, request: UpstreamRequest) -> UpstreamRequest:
    async def once() -> UpstreamRequest:
        credentials = AwsSignature(settings)
        try:
            return await credentials.authorize(request)
        finally:
            await credentials.close()

    return asyncio.run(once())


def test_the_reference_agrees_with_the_published_example() -> None:
    """`get-vanilla` of AWS' Signature Version 4 test suite."""
    headers = {"host": "example.amazonaws.com", "x-amz-date": "20150830T123600Z"}
    found = signature(
        "GET",
        "https://example.amazonaws.com/",
        headers,
        "host;x-amz-date",
        b"",
        "20150830/us-east-1/service/aws4_request",
        "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    )
    assert found == "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"


@needs_botocore
@pytest.mark.parametrize("token", [None, "a-session-token"])
@pytest.mark.parametrize("size", [20, 300_000])
def test_a_request_bears_the_signature_that_aws_computes(token: str | None, size: int) -> None:
    request = asked(body=b"x" * size)
    signed = authorize(AwsSettings(None, KEY, SECRET, token), request)
    scheme, _, rest = signed.headers["authorization"].partition(" ")
    fields = dict(field.strip().split("=", 1) for field in rest.split(","))
    assert scheme == "AWS4-HMAC-SHA256"
    key, _, scope = fields["Credential"].partition("/")
    assert key == KEY
    assert scope.split("/")[1:] == ["eu-west-1", "bedrock", "aws4_request"]
    names = "content-type;host;x-amz-date" + (";x-amz-security-token" if token else "")
    assert fields["SignedHeaders"] == names
    assert signed.headers.get("x-amz-security-token") == token
    headers = {**signed.headers, "host": "bedrock-runtime.eu-west-1.amazonaws.com"}
    assert fields["Signature"] == signature("POST", URL, headers, names, request.body, scope, SECRET)
    assert signed.body == request.body
    assert signed.headers["user-agent"] == "headrace"


def test_an_api_key_needs_no_signature() -> None:
    request = asked(authorization="Bearer bedrock-api-key-x")
    assert authorize(AwsSettings(), request) is request


def test_no_secret_is_in_a_repr() -> None:
    shown = repr(AwsSettings("eu-west-1", KEY, SECRET, "a-session-token"))
    assert "eu-west-1" in shown
    assert not [secret for secret in (KEY, SECRET, "a-session-token") if secret in shown]


def test_without_the_extra_one_line_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> ModuleType:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(aws, "import_module", missing)
    with pytest.raises(CredentialFailed) as failed:
        authorize(AwsSettings(None, KEY, SECRET), asked())
    assert str(failed.value) == INSTALL
    assert "\n" not in INSTALL
    assert "pip install 'headrace[bedrock]'" in INSTALL


@needs_botocore
def test_the_environment_and_a_profile_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (tmp_path / "credentials").write_text(
        f"[lighthouse]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = {SECRET}\n"
    )
    (tmp_path / "config").write_text("[profile lighthouse]\nregion = eu-north-1\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with pytest.raises(CredentialFailed, match="no AWS credentials were found"):
        authorize(AwsSettings(), asked())
    monkeypatch.setenv("AWS_PROFILE", "lighthouse")
    elsewhere = asked("https://bedrock.internal.example/model/x/converse")
    assert "AKIDPROFILE/" in authorize(AwsSettings(), elsewhere).headers["authorization"]
    assert "/eu-north-1/bedrock/" in authorize(AwsSettings(), elsewhere).headers["authorization"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDENVIRONMENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.delenv("AWS_PROFILE")
    found = authorize(AwsSettings("us-west-2"), elsewhere).headers["authorization"]
    assert "AKIDENVIRONMENT/" in found
    assert "/us-west-2/bedrock/" in found


class Role:
    """Credentials that run out, as botocore's own kind has them."""

    def __init__(self) -> None:
        self.fetched = 0
        self.left_s = 3600.0
        self.failing = False

    def refresh_needed(self, refresh_in: float = 900.0) -> bool:
        return self.left_s < refresh_in

    def get_frozen_credentials(self) -> Any:
        if self.failing:
            raise OSError("the metadata address is away")
        self.fetched += 1
        self.left_s = 3600.0
        return f"key {self.fetched}"


@pytest.fixture
def role(monkeypatch: pytest.MonkeyPatch) -> Role:
    role = Role()
    monkeypatch.setattr(aws, "_resolve", lambda settings: aws._Found(role, True, "eu-west-1"))
    monkeypatch.setattr(aws, "_sign", lambda request, frozen, region: {"authorization": str(frozen)})
    monkeypatch.setattr(aws, "_failures", lambda: (OSError,))
    return role


def test_a_role_is_asked_once_for_all_who_wait_and_again_before_it_runs_out(role: Role) -> None:
    async def story() -> None:
        now = 0.0
        credentials = AwsSignature(AwsSettings(), lambda: now)
        first = await asyncio.gather(*(credentials.authorize(asked()) for _ in range(5)))
        assert {request.headers["authorization"] for request in first} == {"key 1"}
        assert role.fetched == 1
        role.left_s, now = 600.0, 100.0  # due, and still good: nobody waits
        assert (await credentials.authorize(asked())).headers["authorization"] == "key 1"
        await until(lambda: credentials._task is None)
        assert (await credentials.authorize(asked())).headers["authorization"] == "key 2"
        role.left_s, now = 0.0, 200.0  # run out: all wait
        assert (await credentials.authorize(asked())).headers["authorization"] == "key 3"
        await credentials.close()

    asyncio.run(story())


def test_a_renewal_that_fails_is_not_tried_by_every_request(role: Role) -> None:
    async def story() -> None:
        now = 0.0
        credentials = AwsSignature(AwsSettings(), lambda: now)
        await credentials.authorize(asked())
        role.failing, role.left_s, now = True, 0.0, 100.0
        for _ in range(3):
            with pytest.raises(CredentialFailed, match="OSError"):
                await credentials.authorize(asked())
        role.failing = False
        with pytest.raises(CredentialFailed):
            await credentials.authorize(asked())
        now = 106.0
        assert (await credentials.authorize(asked())).headers["authorization"] == "key 2"
        await credentials.close()

    asyncio.run(story())


@needs_botocore
def test_botocore_writes_no_signature_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    authorize(AwsSettings(None, KEY, SECRET, "a-session-token"), asked())
    assert "a-session-token" not in caplog.text


def test_settings_open_without_asking_anybody() -> None:
    async def story() -> None:
        transport = backend()
        credentials = AwsSettings("eu-west-1").open(transport)
        await credentials.close()
        await transport.close()

    asyncio.run(story())
