"""RS256 signatures (RFC 7518 3.3), for the assertions by which a service account asks for its tokens.

The one thing that needs the `cryptography` package, and so an extra, imported with the first signature: who uses
Google's metadata server, or a ready token, does without.
"""

from importlib import import_module
from typing import Any

INSTALL = "signing needs cryptography, which comes with an extra: pip install 'headrace[vertex]'"
_PARTS = "cryptography.hazmat.primitives"


def sign(private_key_pem: str, message: bytes) -> bytes:
    """The signature. Raises ValueError for what is no RSA key; the error never holds any of it."""
    try:
        hashes, padding, rsa, serialization = (
            import_module(f"{_PARTS}.{name}")
            for name in ("hashes", "asymmetric.padding", "asymmetric.rsa", "serialization")
        )
    except ImportError:
        raise ValueError(INSTALL) from None
    key: Any
    try:
        key = serialization.load_pem_private_key(private_key_pem.encode(), password=None)
    except (ValueError, TypeError, import_module("cryptography.exceptions").UnsupportedAlgorithm):
        key = None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("its private_key is not an RSA key in PEM")  # noqa: TRY004  the caller's text, not our types
    signature: bytes = key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    return signature
