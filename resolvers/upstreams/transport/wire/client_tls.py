"""TLS of the connections to upstreams: what they trust, what they show, and which protocols they offer."""

import hashlib
import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509

HTTP_1: Final = "http/1.1"
HTTP_2: Final = "h2"
"""Names of protocols in ALPN (RFC 7301)."""

_NO_COMMON_PROTOCOL: Final = "no application protocol"


class FileAsRead:
    """A file by its name and by what was in it; two with the same name and other content are not equal. A value.

    Args:
        path: Where it is.

    Raises:
        OSError: It cannot be read.
    """

    __slots__ = ("_digest", "path")

    def __init__(self, path: Path) -> None:
        self.path = path
        self._digest = hashlib.sha256(path.read_bytes()).digest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FileAsRead) and (self.path, self._digest) == (other.path, other._digest)

    def __hash__(self) -> int:
        return hash((self.path, self._digest))

    def __fspath__(self) -> str:
        return os.fspath(self.path)

    def __repr__(self) -> str:
        return repr(os.fspath(self.path))


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What the connections to an upstream trust and show; a value.

    Args:
        authorities: The certificates to trust in place of the system's.
        certificate: The client certificate, followed by those that lead from it to an authority.
        key: Its private key.
    """

    authorities: FileAsRead | None = None
    certificate: FileAsRead | None = None
    key: FileAsRead | None = None

    @property
    def certificate_end(self) -> float | None:
        """When the client certificate ends, in seconds since 1970; None without one."""
        if self.certificate is None:
            return None
        # Of those behind it as well: without them, the server does not find an authority.
        found = x509.load_pem_x509_certificates(self.certificate.path.read_bytes())
        return min(one.not_valid_after_utc.timestamp() for one in found)

    @property
    def subject(self) -> str | None:
        """Whom the client certificate names, which a renewed one does as well; None without one."""
        if self.certificate is None:
            return None
        return x509.load_pem_x509_certificates(self.certificate.path.read_bytes())[0].subject.rfc4514_string()


NO_FILES: Final = TlsFiles()
"""Trusts the system's certificates, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, and shows none."""


def client_context(*protocols: str, files: TlsFiles = NO_FILES) -> ssl.SSLContext:
    """Return the context of connections to an upstream.

    Args:
        protocols: The names to offer by ALPN, the preferred one first.
        files: What to trust and show.

    Raises:
        OSError: A file cannot be read, or key and certificate are not a pair.
    """
    context = ssl.create_default_context(cafile=files.authorities)
    context.set_alpn_protocols(protocols)
    if files.certificate is not None:
        # Without a password here, OpenSSL would ask for that of an encrypted key at the terminal.
        context.load_cert_chain(files.certificate, files.key, password="")
    return context


def refuses_protocols(error: ssl.SSLError) -> bool:
    """Return whether a server ended the handshake because it speaks none of the protocols that were offered."""
    # By its text, because not every version of Python has a name for the alert; where one has, it has underscores.
    return _NO_COMMON_PROTOCOL in str(error).lower().replace("_", " ")


def server_certificate_end(tls: ssl.SSLObject) -> float | None:
    """Return when the certificate of the other side ends, in seconds since 1970; None where it showed none."""
    shown = tls.getpeercert()
    ends = shown.get("notAfter") if shown else None
    return ssl.cert_time_to_seconds(ends) if isinstance(ends, str) else None
