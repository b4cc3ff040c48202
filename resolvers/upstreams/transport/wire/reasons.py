"""Why there is no connection, in words for the operator: they name hosts and certificates, so no client sees them."""

import errno
import re
import socket
import ssl
from collections.abc import Sequence
from typing import Final

from resolvers.upstreams.transport.wire.proxy import ProxyFailed

REFUSED: Final = "it refused the connection: nothing listens at that address and port"
UNREACHABLE: Final = "there is no route to it: check the network and the firewall"
NOT_FOUND: Final = "the name of its host was not found: check the spelling, and the DNS"
NO_ANSWER: Final = "no connection came about in time: check the address and the firewall"
EXPIRED: Final = "its certificate has expired: its operator must renew it, or the clock of this machine is wrong"
NOT_YET_VALID: Final = "its certificate is not valid yet: is the clock of this machine right?"
UNKNOWN_CA: Final = (
    "its certificate was issued by an authority that is not trusted here: name the authority's certificate in "
    "SSL_CERT_FILE"
)
OTHER_NAME: Final = "its certificate is for another host name: check the host of the URL"
WANTS_CERTIFICATE: Final = "it wants a client certificate, or refused the one it got"
NO_TLS: Final = "it does not speak TLS there: check whether the URL is http:, and its port"
NO_COMMON_TLS: Final = "it speaks no version or cipher of TLS that is accepted here"

_VERIFY_CODES: Final = {
    9: NOT_YET_VALID,
    10: EXPIRED,
    **dict.fromkeys((18, 19, 20, 21), UNKNOWN_CA),
    **dict.fromkeys((62, 63, 64), OTHER_NAME),
}
"""X509_V_ERR_... of OpenSSL's x509_vfy.h."""

_ERRNOS: Final = {
    errno.ECONNREFUSED: REFUSED,
    errno.EHOSTUNREACH: UNREACHABLE,
    errno.ENETUNREACH: UNREACHABLE,
    errno.ETIMEDOUT: NO_ANSWER,
}

_TLS_WORDS: Final = (
    (re.compile(r"ALERT_(BAD_|UNSUPPORTED_)?CERTIFICATE|ALERT_UNKNOWN_CA|ALERT_ACCESS_DENIED"), WANTS_CERTIFICATE),
    (re.compile(r"WRONG_VERSION_NUMBER|RECORD_LAYER_FAILURE|HTTP_REQUEST|PACKET_LENGTH_TOO_LONG"), NO_TLS),
    (re.compile(r"HANDSHAKE_FAILURE|PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|NO_SHARED_CIPHER"), NO_COMMON_TLS),
)


def connection_reason(error: Exception) -> str | None:
    """Name what the event loop met when it connected, or when a connection broke.

    Args:
        error: As it was raised.

    Returns:
        None where nothing more is known than that the connection ended.
    """
    if isinstance(error, ProxyFailed):
        return str(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFY_CODES.get(error.verify_code, f"its certificate is not accepted: {error.verify_message}")
    if isinstance(error, ssl.SSLError):
        words = error.reason or ""
        return _first_match(_TLS_WORDS, words) or f"TLS failed: {words or 'it ended the handshake'}"
    if isinstance(error, socket.gaierror | UnicodeError):
        return NOT_FOUND
    if isinstance(error, TimeoutError):
        return NO_ANSWER
    return _ERRNOS.get(error.errno or 0) if isinstance(error, OSError) else None


def chained_reason(error: BaseException) -> str | None:
    """Name what an HTTP library met, by the first of its error and the causes of that which can be named.

    Args:
        error: As it was raised.
    """
    cause: BaseException | None = error
    while cause is not None:
        reason = connection_reason(cause) if isinstance(cause, OSError) else None
        if reason is not None:
            return reason
        cause = cause.__cause__ or cause.__context__
    return None


def _first_match(words: Sequence[tuple[re.Pattern[str], str]], text: str) -> str | None:
    return next((reason for pattern, reason in words if pattern.search(text)), None)
