"""Azure: OpenAI's protocol at four kinds of address, with a key or a token."""

import orjson
import pytest

from backends.providers.azure import AzureAdapter
from backends.providers.compatible import KNOWN_PROVIDERS
from backends.types import ChatRequest, Clocks, Target, UpstreamRequest

ROOT = "https://r.openai.azure.com"
BODY = {"model": "caller's", "messages": [{"role": "user", "content": "Hi"}]}
CHAT = ChatRequest(orjson.dumps(BODY), BODY, "caller's", stream=False, wants_usage=False, plain=True)
TOKEN = "eyJhbGciOiJub25lIn0.eyJhdWQiOiJ4In0.c2lnbmF0dXJl"


def target(base_url: str = ROOT, *, version: str | None = None, key: str | None = "k", model: str = "my gpt") -> Target:
    quirks = KNOWN_PROVIDERS["azure"].quirks
    return Target("azure", "azure", model, base_url, "r", api_key=key, quirks=quirks, api_version=version)


def sent(to: Target, chat: ChatRequest = CHAT) -> UpstreamRequest:
    return AzureAdapter().build_request(chat, to, Clocks())


@pytest.mark.parametrize(
    ("base_url", "version", "url"),
    [
        (ROOT, None, f"{ROOT}/openai/v1/chat/completions"),
        (f"{ROOT}/openai", None, f"{ROOT}/openai/v1/chat/completions"),
        (f"{ROOT}/openai/v1", None, f"{ROOT}/openai/v1/chat/completions"),
        (f"{ROOT}/openai/v1", "preview", f"{ROOT}/openai/v1/chat/completions?api-version=preview"),
        (ROOT, "2024-10-21", f"{ROOT}/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21"),
        (f"{ROOT}/openai", "2024-10-21", f"{ROOT}/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21"),
        (
            f"{ROOT}/openai/deployments/given",
            "2025-01-01-preview",
            f"{ROOT}/openai/deployments/given/chat/completions?api-version=2025-01-01-preview",
        ),
        (
            "https://r.services.ai.azure.com/models",
            None,
            "https://r.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview",
        ),
    ],
)
def test_each_surface_has_its_address(base_url: str, version: str | None, url: str) -> None:
    request = sent(target(base_url, version=version))
    assert request.url == url
    assert orjson.loads(request.body)["model"] == "my gpt"


def test_responses_have_no_deployment_in_their_path() -> None:
    native = {"model": "caller's", "input": "Hi"}
    chat = CHAT._replace(raw=orjson.dumps(native), native=native, dialect="openai_responses")
    assert AzureAdapter().speaks("openai_responses", target())
    assert sent(target(), chat).url == f"{ROOT}/openai/v1/responses"
    assert sent(target(version="v"), chat).url == f"{ROOT}/openai/responses?api-version=v"


def test_a_key_stands_in_its_own_header() -> None:
    headers = sent(target()).headers
    assert headers["api-key"] == "k"
    assert "authorization" not in headers


def test_a_ready_token_is_a_bearer_token() -> None:
    headers = sent(target(key=TOKEN)).headers
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert "api-key" not in headers


def test_without_a_key_somebody_else_authorizes_the_request() -> None:
    headers = sent(target(key=None)).headers
    assert "api-key" not in headers
    assert "authorization" not in headers


def test_the_head_is_made_once_for_each_target() -> None:
    assert sent(target()).headers is sent(target()).headers
