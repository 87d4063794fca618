"""Tokens that are refreshed and requests that are signed: what needs a clock or a socket, and so is not an adapter's.

A provider whose key never changes needs none of this: its adapter writes the key into the request's head itself.
"""

from backends.credentials.base import CredentialFailed, Credentials, CredentialSettings
from backends.credentials.google import GoogleSettings
from backends.credentials.token import BearerToken, TokenCredentials, TokenSource

__all__ = [
    "BearerToken",
    "CredentialFailed",
    "CredentialSettings",
    "Credentials",
    "GoogleSettings",
    "TokenCredentials",
    "TokenSource",
]
