"""URL and headers of what goes to Anthropic. https://docs.anthropic.com/en/api/overview#authentication"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType

from backends.types import Target

VERSION = "2023-06-01"
"""https://docs.anthropic.com/en/api/versioning"""


def render_head(
    target: Target, path: str, caller: Mapping[str, str], betas: Iterable[str] = ()
) -> tuple[str, Mapping[str, str]]:
    """For `path` under /v1. `caller`: the dialect's own headers, which go through; `betas`: what the body needs."""
    url, headers = _always(target)
    wanted = join_betas(caller, betas)
    version = caller.get("anthropic-version")
    if wanted or version:
        headers = {**headers, "anthropic-version": version or headers["anthropic-version"]}
        if wanted:
            headers["anthropic-beta"] = ",".join(join_betas(headers, wanted))
    return f"{url}/{path}", headers


def join_betas(headers: Mapping[str, str], more: Iterable[str] = ()) -> tuple[str, ...]:
    """The betas that these headers name and `more`, each once. https://docs.anthropic.com/en/api/beta-headers"""
    named = (beta.strip() for beta in headers.get("anthropic-beta", "").split(","))
    return tuple(dict.fromkeys([*filter(None, named), *more]))


@lru_cache(maxsize=4096)
def _always(target: Target) -> tuple[str, Mapping[str, str]]:
    """Made once for each target. Compression is refused: answers pass as bytes."""
    headers = {
        "content-type": "application/json",
        "accept": "*/*",
        "accept-encoding": "identity",
        "user-agent": "headrace",
        "anthropic-version": VERSION,
        **dict(target.headers),
    }
    if target.api_key:
        name = target.quirks.key_header
        if name == "authorization":  # everybody's default but Anthropic's
            name = "x-api-key"
        headers[name] = target.api_key
    # The official client is given the address without /v1; who copies another provider's row writes it with.
    return f"{target.base_url.removesuffix('/v1')}/v1", MappingProxyType(headers)
