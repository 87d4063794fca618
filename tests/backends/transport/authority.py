"""A certificate authority of the tests' own, made with the openssl command."""

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

# As strict as Python 3.13 is by default (VERIFY_X509_STRICT).
_CONFIG = """
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical, CA:FALSE
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:localhost, DNS:upstream.test, IP:127.0.0.1, IP:::1
"""


@dataclass(frozen=True)
class Authority:
    """Files: its own certificate, and certificate with key of the server and of a client that it vouches for."""

    ca: Path
    server: Path
    client: Path

    def serving(self, *, ask_client: bool = False, most: ssl.TLSVersion | None = None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server)
        context.set_alpn_protocols(["h2", "http/1.1"])
        if most is not None:
            context.maximum_version = most
        if ask_client:
            context.load_verify_locations(self.ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def trusting(self, *, with_certificate: bool = False) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ca)
        if with_certificate:
            context.load_cert_chain(self.client)
        return context


def make_authority(where: Path) -> Authority:
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command is not here to make certificates with")

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=where, check=True, capture_output=True, timeout=30)

    (where / "openssl.cnf").write_text(_CONFIG)
    make = ("req", "-config", "openssl.cnf", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    sign = ("-days", "2", "-extfile", "openssl.cnf")
    openssl(
        *make,
        "-x509",
        "-days",
        "2",
        "-extensions",
        "authority",
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
        "-subj",
        "/CN=tests",
    )
    for name in ("server", "client"):
        openssl(*make, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        by_ca = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extensions", "leaf")
        openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.crt", *sign, *by_ca)
        both = (where / f"{name}.crt").read_text() + (where / f"{name}.key").read_text()
        (where / f"{name}.pem").write_text(both)
    return Authority(where / "ca.pem", where / "server.pem", where / "client.pem")
