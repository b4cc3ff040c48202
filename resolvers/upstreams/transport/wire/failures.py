"""How an exchange fails: the failures of the wire, the errors that the gateway makes of them, and reasons in words.

A reason is for the operator alone: it names hosts and certificates, so no client sees it.
"""

import errno
import re
import socket
import ssl
from collections.abc import Sequence
from typing import Final

from resolvers.errors import UpstreamBadAnswer, UpstreamError, UpstreamTimeout, UpstreamUnavailable
from resolvers.upstreams.call import Call


class Unreached(Exception):
    """There is no connection, so nothing was sent.

    Args:
        reason: Why, for the operator.
        late: There was no time to wait any longer.
    """

    def __init__(self, reason: str | None = None, *, late: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.late = late


class Broken(Exception):
    """A connection ended before the whole answer was there.

    Args:
        reason: Why, for the operator.
    """

    def __init__(self, reason: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason


class ProxyFailed(OSError):
    """A proxy cannot be reached, or does not connect to an origin; says why, for the operator."""


class Unparsable(Exception):
    """What came is no HTTP."""


class Late(Exception):
    """The whole answer was not there in time."""


class TooLong(Exception):
    """The body of an answer is longer than allowed."""


class HeadTooLong(Exception):
    """The header fields of an answer, or what is around the parts of its body, are longer than allowed."""


def translated(call: Call, failure: Exception, most_bytes: int) -> UpstreamError:
    """Our word for one of the failures.

    Args:
        call: What was asked.
        failure: One of those above, or `Undecodable`.
        most_bytes: How long an answer may be.
    """
    if isinstance(failure, Unreached | Broken):
        return _unconnected(call, failure)
    if isinstance(failure, Late):
        return timed_out(call, sent=True)
    if isinstance(failure, TooLong):
        return too_long(call, most_bytes)
    if isinstance(failure, HeadTooLong):
        return head_too_long(call)
    return unreadable(call)


def _unconnected(call: Call, failure: Unreached | Broken) -> UpstreamError:
    sent = isinstance(failure, Broken)
    is_late = isinstance(failure, Unreached) and failure.late
    error = timed_out(call, sent=False) if is_late else unavailable(call, sent=sent)
    error.reason = failure.reason
    return error


def timed_out(call: Call, *, sent: bool) -> UpstreamTimeout:
    """The whole answer was not there in time.

    Args:
        call: What was asked.
        sent: The request went out, or may have.
    """
    message = f"{call.upstream.name} did not answer {call.operation} within {call.timeout:.1f} s; try again later."
    return UpstreamTimeout(call.upstream, message, outcome_unknown=sent and not call.repeatable)


def unavailable(call: Call, *, sent: bool) -> UpstreamUnavailable:
    """There is no connection, or it broke.

    Args:
        call: What was asked.
        sent: The request went out, or may have.
    """
    message = (
        f"{call.upstream.name} could not be reached for {call.operation}, or the connection broke; try again later."
    )
    return UpstreamUnavailable(call.upstream, message, outcome_unknown=sent and not call.repeatable)


def unsendable(call: Call) -> UpstreamUnavailable:
    """No request can be made of the call; what is wrong with it may be a secret, so it goes no further."""
    message = (
        f"{call.upstream.name} could not be asked for {call.operation}: its URL or the credentials for it hold "
        "characters that HTTP does not allow; its operator checks the settings."
    )
    return UpstreamUnavailable(call.upstream, message)


def unreadable(call: Call) -> UpstreamBadAnswer:
    """The answer is no HTTP, or not compressed as it says."""
    message = f"{call.upstream.name} answered {call.operation} with something that cannot be read."
    return UpstreamBadAnswer(call.upstream, message, outcome_unknown=not call.repeatable)


def too_long(call: Call, most_bytes: int) -> UpstreamBadAnswer:
    """The answer is longer than its upstream is allowed.

    Args:
        call: What was asked.
        most_bytes: How long it may be.
    """
    message = f"{call.upstream.name} answered {call.operation} with more than {most_bytes} bytes."
    return UpstreamBadAnswer(call.upstream, message, outcome_unknown=not call.repeatable)


def head_too_long(call: Call) -> UpstreamBadAnswer:
    """The answer has more header fields, trailers or chunk extensions than can be of use."""
    message = f"{call.upstream.name} answered {call.operation} with too many or too long header fields."
    return UpstreamBadAnswer(call.upstream, message, outcome_unknown=not call.repeatable)


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


def refusal(answer: str) -> str:
    """Why there is no connection, for the operator, where a proxy answered so."""
    return (
        f"its proxy refused to connect to it ({answer}): check the proxy's URL in the environment, and who may use it"
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
