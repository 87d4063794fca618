"""Azure's tokens: asked for with an application's secret, or with a workload's own token."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs

import orjson
import pytest

from backends.backend import Sink
from backends.credentials import BearerToken, CredentialFailed
from backends.credentials.entra import SCOPE, EntraSettings, EntraSource
from backends.types import UpstreamRequest

GIVEN = {"token_type": "Bearer", "expires_in": 3599, "access_token": "fresh"}


class Endpoint:
    """Answers every question alike, and keeps it."""

    def __init__(self, status: int = 200, answer: Mapping[str, object] = GIVEN) -> None:
        self.status = status
        self.answer = answer
        self.asked: list[UpstreamRequest] = []

    async def exchange(self, request: UpstreamRequest, sink: Sink) -> None:
        self.asked.append(request)
        sink.on_head(self.status, {"content-type": "application/json"})
        sink.on_data(orjson.dumps(self.answer))

    async def close(self) -> None: ...


def fetch(settings: EntraSettings, endpoint: Endpoint) -> BearerToken:
    return asyncio.run(EntraSource(settings, endpoint, clock=lambda: 1000.0).fetch())


def test_an_application_proves_itself_with_its_secret() -> None:
    endpoint = Endpoint()
    token = fetch(EntraSettings("tenant-1", "app-1", "very secret"), endpoint)
    assert (token.value, token.expires_at) == ("fresh", 4599.0)
    (request,) = endpoint.asked
    assert request.url == "https://login.microsoftonline.com/tenant-1/oauth2/v2.0/token"
    assert parse_qs(request.body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["app-1"],
        "client_secret": ["very secret"],
        "scope": [SCOPE],
    }


def test_a_workload_proves_itself_with_the_token_in_its_file_as_it_is_now(tmp_path: Path) -> None:
    file, endpoint = tmp_path / "token", Endpoint()
    settings = EntraSettings("t", "c", token_file=str(file), authority="https://login.example/")
    for own in ("first", "second"):
        file.write_text(f"{own}\n")
        fetch(settings, endpoint)
        form = parse_qs(endpoint.asked[-1].body.decode())
        assert form["client_assertion"] == [own]
        assert "client_secret" not in form
    assert endpoint.asked[0].url == "https://login.example/t/oauth2/v2.0/token"


@pytest.mark.parametrize(
    "endpoint", [Endpoint(401, {"error": "invalid_client"}), Endpoint(200, {"access_token": 5}), Endpoint(200, {})]
)
def test_without_a_token_the_failure_says_why_and_holds_no_secret(endpoint: Endpoint) -> None:
    with pytest.raises(CredentialFailed) as caught:
        fetch(EntraSettings("t", "c", "very secret"), endpoint)
    assert "very secret" not in f"{caught.value!r}{EntraSettings('t', 'c', 'very secret')!r}"


def test_a_workload_without_its_file_is_a_failed_credential(tmp_path: Path) -> None:
    with pytest.raises(CredentialFailed, match="token file"):
        fetch(EntraSettings("t", "c", token_file=str(tmp_path / "none")), Endpoint())
