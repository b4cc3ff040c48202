"""What connections are encrypted with, and which HTTP is asked for (ALPN, RFC 7301)."""

import ssl
from typing import Final

HTTP_1: Final = "http/1.1"
HTTP_2: Final = "h2"

_NO_COMMON_PROTOCOL: Final = "no application protocol"
"""Python's own name of the alert, with underscores, is not in all of its versions."""


def client_context(*protocols: str) -> ssl.SSLContext:
    """Trust the system's certificates, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name.

    Args:
        protocols: What is asked for, the favourite first.
    """
    context = ssl.create_default_context()
    context.set_alpn_protocols(protocols)
    return context


def refuses_protocols(error: ssl.SSLError) -> bool:
    """Whether a server ended the handshake because it speaks none of the protocols that it was asked for."""
    return _NO_COMMON_PROTOCOL in str(error).lower().replace("_", " ")
