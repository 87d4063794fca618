"""Tokens: fetched once for all who wait, renewed before they end, shown to nobody."""

import asyncio
import json
import sys
from base64 import urlsafe_b64decode
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from backends.backend import Sink
from backends.credentials import (
    BearerToken,
    CredentialFailed,
    Credentials,
    GoogleSettings,
    TokenCredentials,
    rs256,
)
from backends.credentials.google import METADATA_URL, KeyFile, MetadataServer, read_key_file
from backends.credentials.token import RENEW_BEFORE_S
from backends.errors import ConnectFailed, Fault
from backends.remote import AuthorizingBackend
from backends.types import UpstreamRequest

KEY = {
    "type": "service_account",
    "client_email": "gateway@example-project.iam.example",
    "private_key_id": "kid-1",
    "private_key": "-----BEGIN PRIVATE KEY-----\nvery secret\n-----END PRIVATE KEY-----\n",
    "token_uri": "https://token.example/token",
}
HEADERS = {"content-type": "application/json"}
REQUEST = UpstreamRequest("POST", "https://api.example/v1/x", HEADERS, b"{}", False, 1.0)


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(story())


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Source:
    """Gives token-1, token-2, …, each for an hour; waits or fails where it is told to."""

    def __init__(self, clock: Clock, lasts: float = 3600.0) -> None:
        self.clock = clock
        self.lasts = lasts
        self.fetched = 0
        self.failing = False
        self.gate: asyncio.Event | None = None

    async def fetch(self) -> BearerToken:
        self.fetched += 1
        number = self.fetched
        if self.gate is not None:
            await self.gate.wait()
        if self.failing:
            raise CredentialFailed("out of order")
        return BearerToken(f"token-{number}", self.clock() + self.lasts)


def made() -> tuple[TokenCredentials, Source, Clock]:
    clock = Clock()
    source = Source(clock)
    return TokenCredentials(source, clock), source, clock


async def token_of(credentials: Credentials) -> str:
    return (await credentials.authorize(REQUEST)).headers["authorization"].removeprefix("Bearer ")


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


# A token and its life


def test_a_token_is_fetched_with_the_first_request_and_kept() -> None:
    async def story() -> None:
        credentials, source, _ = made()
        first = await credentials.authorize(REQUEST)
        assert first.headers == {**HEADERS, "authorization": "Bearer token-1"}
        assert first._replace(headers=HEADERS) == REQUEST
        assert (await credentials.authorize(REQUEST)).headers is first.headers, "heads are known by their headers"
        assert source.fetched == 1

    run(story)


def test_all_who_wait_share_one_fetch() -> None:
    async def story() -> None:
        credentials, source, _ = made()
        source.gate = asyncio.Event()
        waiting = [asyncio.create_task(token_of(credentials)) for _ in range(20)]
        await settle()
        source.gate.set()
        assert set(await asyncio.gather(*waiting)) == {"token-1"}
        assert source.fetched == 1

    run(story)


def test_a_token_is_renewed_beside_requests_before_it_ends() -> None:
    async def story() -> None:
        credentials, source, clock = made()
        assert await token_of(credentials) == "token-1"
        clock.now += 3600 - RENEW_BEFORE_S - 1
        assert await token_of(credentials) == "token-1"
        assert source.fetched == 1
        clock.now += 1
        source.gate = asyncio.Event()
        assert await token_of(credentials) == "token-1", "nobody waits for the renewal"
        assert await token_of(credentials) == "token-1"
        source.gate.set()
        await settle()
        assert await token_of(credentials) == "token-2"
        assert source.fetched == 2

    run(story)


def test_a_token_that_has_ended_is_not_used() -> None:
    async def story() -> None:
        credentials, _, clock = made()
        assert await token_of(credentials) == "token-1"
        clock.now += 3600
        assert await token_of(credentials) == "token-2"

    run(story)


def test_a_failed_renewal_is_tried_again_while_the_token_in_hand_is_used() -> None:
    async def story() -> None:
        credentials, source, clock = made()
        await token_of(credentials)
        source.failing = True
        clock.now += 3600 - RENEW_BEFORE_S
        for _ in range(3):
            assert await token_of(credentials) == "token-1"
            await settle()
        assert source.fetched == 2, "not with each request"
        clock.now += 5
        source.failing = False
        assert await token_of(credentials) == "token-1"
        await settle()
        assert await token_of(credentials) == "token-3"

    run(story)


def test_a_fault_of_ours_in_a_renewal_is_not_swallowed() -> None:
    async def story() -> None:
        credentials, source, clock = made()
        await token_of(credentials)
        heard: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, about: heard.append(about["exception"]))
        source.lasts = None  # type: ignore[assignment]
        clock.now += 3600 - RENEW_BEFORE_S
        assert await token_of(credentials) == "token-1"
        await settle()
        assert isinstance(heard[0], TypeError)

    run(story)


def test_without_a_token_the_failure_is_the_credentials_and_nothing_was_sent() -> None:
    async def story() -> None:
        credentials, source, _ = made()
        source.failing = True
        with pytest.raises(CredentialFailed) as failed:
            await token_of(credentials)
        assert failed.value.fault is Fault.CREDENTIAL
        assert not failed.value.may_have_billed
        assert failed.value.another_target_may_help
        assert failed.value.reason == "credential"
        source.failing = False
        assert await token_of(credentials) == "token-2", "the next request tries again"

    run(story)


def test_a_caller_who_leaves_takes_nobodys_token_along() -> None:
    async def story() -> None:
        credentials, source, _ = made()
        source.gate = asyncio.Event()
        leaving, staying = (asyncio.create_task(token_of(credentials)) for _ in range(2))
        await settle()
        leaving.cancel()
        await settle()
        source.gate.set()
        assert await staying == "token-1"
        assert leaving.cancelled()
        assert source.fetched == 1

    run(story)


def test_closing_ends_a_fetch_under_way() -> None:
    async def story() -> None:
        credentials, source, _ = made()
        source.gate = asyncio.Event()
        waiting = asyncio.create_task(token_of(credentials))
        await settle()
        await credentials.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await credentials.close()

    run(story)


def test_no_token_is_ever_shown() -> None:
    async def story() -> None:
        credentials, _, _ = made()
        request = await credentials.authorize(REQUEST)
        shown = repr((BearerToken("token-1", 9.0), credentials, request, GoogleSettings(json.dumps(KEY))))
        assert "token-1" not in shown
        assert "secret" not in shown
        assert "gateway@" not in shown

    run(story)


def test_headers_of_many_requests_are_not_kept_for_ever() -> None:
    async def story() -> None:
        credentials, _, _ = made()
        for number in range(600):
            request = REQUEST._replace(headers={"anthropic-beta": str(number)})
            assert (await credentials.authorize(request)).headers["anthropic-beta"] == str(number)
        assert len(credentials._headers) <= 256

    run(story)


# Google


class Endpoint:
    """A backend that answers each question with what it is given, and remembers it."""

    def __init__(self, status: int = 200, body: bytes | dict[str, Any] = b"") -> None:
        self.status = status
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.asked: list[UpstreamRequest] = []
        self.down = False

    async def exchange(self, request: UpstreamRequest, sink: Sink) -> None:
        self.asked.append(request)
        if self.down:
            raise ConnectFailed("refused")
        sink.on_head(self.status, {})
        sink.on_data(self.body[:7])
        sink.on_data(self.body[7:])

    async def close(self) -> None:
        raise AssertionError("not the credentials' to close")


TOKEN = {"access_token": "ya29.fixture", "expires_in": 3599, "token_type": "Bearer"}


def signer(private_key: str, message: bytes) -> bytes:
    assert private_key == KEY["private_key"]
    return b"signed:" + message[:4]


def parts_of(assertion: str) -> list[bytes]:
    return [urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in assertion.split(".")]


def test_a_service_account_states_who_it_is_and_gets_a_token(tmp_path: Path) -> None:
    place = tmp_path / "key.json"
    place.write_text(json.dumps(KEY))

    async def story() -> None:
        for given in (str(place), json.dumps(KEY)):
            endpoint, clock = Endpoint(body=TOKEN), Clock()
            token = await KeyFile(given, endpoint, clock, signer).fetch()
            assert token == BearerToken("ya29.fixture", clock() + 3599)
            (asked,) = endpoint.asked
            assert (asked.method, asked.url) == ("POST", KEY["token_uri"])
            form = parse_qs(asked.body.decode())
            assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
            head, claims, signature = parts_of(form["assertion"][0])
            assert json.loads(head) == {"alg": "RS256", "typ": "JWT", "kid": "kid-1"}
            assert json.loads(claims) == {
                "iss": KEY["client_email"],
                "scope": "https://www.googleapis.com/auth/cloud-platform",
                "aud": KEY["token_uri"],
                "iat": 1_000_000,
                "exp": 1_003_600,
            }
            assert signature.startswith(b"signed:")

    run(story)


def test_a_key_replaced_on_disk_is_used_for_the_next_token(tmp_path: Path) -> None:
    place = tmp_path / "key.json"
    place.write_text(json.dumps(KEY))

    async def story() -> None:
        endpoint = Endpoint(body=TOKEN)
        source = KeyFile(str(place), endpoint, Clock(), signer)
        await source.fetch()
        place.write_text(json.dumps({**KEY, "private_key_id": "kid-2"}))
        await source.fetch()
        assertions = [parse_qs(asked.body.decode())["assertion"][0] for asked in endpoint.asked]
        assert [json.loads(parts_of(assertion)[0])["kid"] for assertion in assertions] == ["kid-1", "kid-2"]

    run(story)


def test_a_users_own_refresh_token_needs_no_signature() -> None:
    async def story() -> None:
        key = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}
        endpoint = Endpoint(body=TOKEN)
        assert (await KeyFile(json.dumps(key), endpoint).fetch()).value == "ya29.fixture"
        assert parse_qs(endpoint.asked[0].body.decode())["grant_type"] == ["refresh_token"]
        assert endpoint.asked[0].url == "https://oauth2.googleapis.com/token"

    run(story)


def test_the_metadata_server_is_asked_in_its_own_way() -> None:
    async def story() -> None:
        endpoint, clock = Endpoint(body={**TOKEN, "access_token": "ya29.fixture...."}), Clock()
        assert await MetadataServer(endpoint, clock).fetch() == BearerToken("ya29.fixture", clock() + 3599)
        (asked,) = endpoint.asked
        assert (asked.method, asked.url, asked.headers) == ("GET", METADATA_URL, {"metadata-flavor": "Google"})

    run(story)


def test_settings_open_what_they_name() -> None:
    async def story() -> None:
        endpoint = Endpoint(body=TOKEN)
        assert await token_of(GoogleSettings().open(endpoint)) == "ya29.fixture"
        assert endpoint.asked[0].url == METADATA_URL

    run(story)
    assert GoogleSettings("a") == GoogleSettings("a") != GoogleSettings("b")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("/nowhere/key.json", "cannot be read"),
        ("{broken", "not a JSON object"),
        (json.dumps({**KEY, "type": "external_account"}), "'external_account'"),
        (json.dumps({"type": "service_account", "private_key": KEY["private_key"]}), "client_email"),
        (json.dumps({"type": "authorized_user", "client_id": "c"}), "client_secret"),
    ],
)
def test_a_key_that_is_none_is_told_in_one_line_without_any_of_it(given: str, says: str) -> None:
    async def story() -> None:
        endpoint = Endpoint(body=TOKEN)
        with pytest.raises(CredentialFailed, match=says) as failed:
            await KeyFile(given, endpoint, Clock(), signer).fetch()
        assert "secret" not in str(failed.value).replace("client_secret", "")
        assert not endpoint.asked

    run(story)


@pytest.mark.parametrize(
    ("endpoint", "says"),
    [
        (Endpoint(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}), "invalid_grant Inv"),
        (Endpoint(404, b"<html>not here, ya29.other</html>"), "answered 404$"),
        (Endpoint(200, b"<html>"), "without a token"),
        (Endpoint(200, {"access_token": "x"}), "without a token"),
        (Endpoint(200, b"x" * 70_000), "too long"),
    ],
)
def test_an_endpoint_that_gives_no_token_is_quoted_no_further_than_is_safe(endpoint: Endpoint, says: str) -> None:
    async def story() -> None:
        with pytest.raises(CredentialFailed, match=says) as failed:
            await MetadataServer(endpoint).fetch()
        assert "ya29" not in str(failed.value)

    run(story)


def test_an_endpoint_out_of_reach_is_a_failed_credential() -> None:
    async def story() -> None:
        endpoint = Endpoint()
        endpoint.down = True
        with pytest.raises(CredentialFailed, match="could not be reached"):
            await MetadataServer(endpoint).fetch()

    run(story)


def test_a_key_file_is_read_where_it_is_named_and_never_quoted(tmp_path: Path) -> None:
    place = tmp_path / "k"
    place.write_bytes(b"\xff\xfe private")
    with pytest.raises(CredentialFailed, match="not text") as failed:
        read_key_file(str(place))
    assert "private" not in str(failed.value)


# Signing


def test_without_the_extra_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.hashes", None)

    async def story() -> None:
        with pytest.raises(CredentialFailed, match=r"headrace\[vertex\]"):
            await KeyFile(json.dumps(KEY), Endpoint(body=TOKEN)).fetch()

    run(story)


def test_a_signature_is_rs256() -> None:
    pytest.importorskip("cryptography")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

    def pem(key: Any) -> str:
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return str(key.private_bytes(*form).decode())

    key = rsa.generate_private_key(65537, 2048)
    key.public_key().verify(rs256.sign(pem(key), b"words"), b"words", padding.PKCS1v15(), hashes.SHA256())
    for wrong in (pem(ec.generate_private_key(ec.SECP256R1())), str(KEY["private_key"])):
        with pytest.raises(ValueError, match="not an RSA key") as refused:
            rs256.sign(wrong, b"words")
        assert "secret" not in str(refused.value)


# The backend


class Recorder:
    def __init__(self) -> None:
        self.sent: list[UpstreamRequest] = []

    async def exchange(self, request: UpstreamRequest, sink: Sink) -> None:
        self.sent.append(request)

    async def close(self) -> None:
        raise AssertionError("closed by who made it")


def test_a_backend_sends_what_its_credentials_authorize() -> None:
    async def story() -> None:
        credentials, source, _ = made()
        recorder = Recorder()
        backend = AuthorizingBackend(recorder, credentials)
        sink: Any = object()
        await backend.exchange(REQUEST, sink)
        assert recorder.sent[0].headers["authorization"] == "Bearer token-1"
        source.failing = True
        source.clock.now += 9999
        with pytest.raises(CredentialFailed):
            await backend.exchange(REQUEST, sink)
        assert len(recorder.sent) == 1, "nothing is sent without a token"
        await backend.close()

    run(story)
