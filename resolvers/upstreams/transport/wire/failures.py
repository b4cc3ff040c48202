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
    """No connection was made, so nothing was sent.

    Args:
        reason: Why, for the operator; None where that is unknown.
        late: It was not made in time.
    """

    def __init__(self, reason: str | None = None, *, late: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.late = late


class Broken(Exception):
    """A connection ended before the answer was complete.

    Args:
        reason: Why, for the operator; None where that is unknown.
    """

    def __init__(self, reason: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason


class ProxyFailed(OSError):
    """A proxy cannot be reached, or does not connect to an origin; its text is the reason, for the operator."""


class Unparsable(Exception):
    """The bytes received are no HTTP, or no HTTP that was asked for."""


class Late(Exception):
    """The answer was not complete in time."""


class TooLong(Exception):
    """The body of an answer is longer than allowed."""


class HeadTooLong(Exception):
    """The header fields of an answer, its trailers or the extensions of its chunks are longer than allowed."""


def translated(call: Call, failure: Exception, max_bytes: int) -> UpstreamError:
    """Return the gateway's error for a failure of the wire.

    Args:
        call: The call that failed.
        failure: One of the failures above, or `Undecodable`.
        max_bytes: How long the body of an answer may be.
    """
    if isinstance(failure, Unreached | Broken):
        return _unconnected(call, failure)
    if isinstance(failure, Late):
        return timed_out(call, sent=True)
    if isinstance(failure, TooLong):
        return too_long(call, max_bytes)
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
    """Return the error for an answer that was not complete in time.

    Args:
        call: The call that failed.
        sent: Whether the request was sent, or may have been.
    """
    waited = f"did not answer within {call.timeout:.1f} s; try again later"
    message = f"{call.upstream.name} was asked to {call.purpose} and {waited}."
    return UpstreamTimeout(call.upstream, message, outcome_unknown=sent and not call.repeatable)


def unavailable(call: Call, *, sent: bool) -> UpstreamUnavailable:
    """Return the error for a connection that was not made, or broke.

    Args:
        call: The call that failed.
        sent: Whether the request was sent, or may have been.
    """
    message = f"{call.upstream.name} could not be reached to {call.purpose}, or the connection broke; try again later."
    return UpstreamUnavailable(call.upstream, message, outcome_unknown=sent and not call.repeatable)


def unsendable(call: Call) -> UpstreamUnavailable:
    """Return the error for a call of which no request can be made."""
    # What is wrong with it is not in the message, because it may be a secret.
    message = (
        f"{call.upstream.name} could not be asked to {call.purpose}: its URL or the credentials for it hold "
        "characters that HTTP does not allow; its operator checks the settings."
    )
    return UpstreamUnavailable(call.upstream, message)


def unreadable(call: Call) -> UpstreamBadAnswer:
    """Return the error for an answer that is no HTTP, or not compressed as its header says."""
    message = f"{call.upstream.name} was asked to {call.purpose}, and its answer cannot be read."
    return UpstreamBadAnswer(call.upstream, message, outcome_unknown=not call.repeatable)


def too_long(call: Call, max_bytes: int) -> UpstreamBadAnswer:
    """Return the error for an answer whose body is too long.

    Args:
        call: The call that failed.
        max_bytes: How long the body may be.
    """
    message = f"{call.upstream.name} was asked to {call.purpose}, and answered with more than {max_bytes} bytes."
    return UpstreamBadAnswer(call.upstream, message, outcome_unknown=not call.repeatable)


def head_too_long(call: Call) -> UpstreamBadAnswer:
    """Return the error for an answer with too many or too long header fields, trailers or chunk extensions."""
    message = f"{call.upstream.name} was asked to {call.purpose}, and answered with too many or too long header fields."
    return UpstreamBadAnswer(call.upstream, message, outcome_unknown=not call.repeatable)


REFUSED: Final = "it refused the connection: nothing listens at that address and port"
UNREACHABLE: Final = "there is no route to it: check the network and the firewall"
NOT_FOUND: Final = "the name of its host was not found: check the spelling, and the DNS"
NO_ANSWER: Final = "no connection came about in time: check the address and the firewall"
EXPIRED: Final = "its certificate has expired: its operator must renew it, or the clock of this machine is wrong"
NOT_YET_VALID: Final = "its certificate is not valid yet: is the clock of this machine right?"
UNKNOWN_CA: Final = (
    "its certificate was issued by an authority that is not trusted here: name the authority's certificate in the "
    "upstream's __CA_FILE, or in SSL_CERT_FILE"
)
OTHER_NAME: Final = "its certificate is for another host name: check the host of the URL"
WANTS_CERTIFICATE: Final = (
    "it wants a client certificate, or refused the one it got: see the upstream's __CLIENT_CERTIFICATE_FILE"
)
NO_TLS: Final = "it does not speak TLS there: check whether the URL is http:, and its port"
NO_COMMON_TLS: Final = "it speaks no version or cipher of TLS that is accepted here"

# X509_V_ERR_... of OpenSSL's x509_vfy.h.
_VERIFY_CODES: Final = {
    9: NOT_YET_VALID,
    10: EXPIRED,
    **dict.fromkeys((18, 19, 20, 21), UNKNOWN_CA),
    **dict.fromkeys((62, 63, 64), OTHER_NAME),
}

_ERRNOS: Final = {
    errno.ECONNREFUSED: REFUSED,
    errno.EHOSTUNREACH: UNREACHABLE,
    errno.ENETUNREACH: UNREACHABLE,
    errno.ETIMEDOUT: NO_ANSWER,
}

# By OpenSSL's words, because Python has neither a class nor a number for each of its alerts.
_TLS_WORDS: Final = (
    (re.compile(r"ALERT_(BAD_|UNSUPPORTED_)?CERTIFICATE|ALERT_UNKNOWN_CA|ALERT_ACCESS_DENIED"), WANTS_CERTIFICATE),
    (re.compile(r"WRONG_VERSION_NUMBER|RECORD_LAYER_FAILURE|HTTP_REQUEST|PACKET_LENGTH_TOO_LONG"), NO_TLS),
    (re.compile(r"HANDSHAKE_FAILURE|PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|NO_SHARED_CIPHER"), NO_COMMON_TLS),
)


def refusal(answer: str) -> str:
    """Return the reason where a proxy refused to connect to an origin.

    Args:
        answer: Its status, or the message of a library.
    """
    return (
        f"its proxy refused to connect to it ({answer}): check the proxy's URL in the environment, and who may use it"
    )


def connection_reason(error: Exception) -> str | None:
    """Return why a connection was not made, or broke; None where nothing more is known than that it ended.

    Args:
        error: The event loop's error.
    """
    if isinstance(error, ProxyFailed):
        return str(error)
    # Before the others, because errors of TLS are `OSError`s too.
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFY_CODES.get(error.verify_code, f"its certificate is not accepted: {error.verify_message}")
    if isinstance(error, ssl.SSLError):
        words = error.reason or ""
        return _first_match(_TLS_WORDS, words) or f"TLS failed: {words or 'it ended the handshake'}"
    # A name that IDNA cannot encode is one that no resolver has.
    if isinstance(error, socket.gaierror | UnicodeError):
        return NOT_FOUND
    if isinstance(error, TimeoutError):
        return NO_ANSWER
    return _ERRNOS.get(error.errno or 0) if isinstance(error, OSError) else None


def chained_reason(error: BaseException) -> str | None:
    """Return the first reason known for an HTTP library's error or one of its causes; None where none is known.

    Args:
        error: The library's error.
    """
    cause: BaseException | None = error
    while cause is not None:
        reason = connection_reason(cause) if isinstance(cause, OSError) else None
        if reason is not None:
            return reason
        # Libraries raise their errors with `from` as well as without.
        cause = cause.__cause__ or cause.__context__
    return None


def _first_match(words: Sequence[tuple[re.Pattern[str], str]], text: str) -> str | None:
    return next((reason for pattern, reason in words if pattern.search(text)), None)
