"""Recordings that the product reads otherwise than the independent reader, and why that is as it should be.

One that passes after all must be taken out: the replay says so.
"""

from collections.abc import Mapping

EXPLAINED: Mapping[str, str] = {
    "openai-2be46c43f490-0": "a vision preview of 2023 says `finish_details` and no `finish_reason`; nobody does now",
}

EXPLAINED_REQUESTS: Mapping[str, str] = {}
"""The same for recorded requests that are rendered for other providers."""
