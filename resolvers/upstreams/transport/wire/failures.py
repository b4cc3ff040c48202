"""What an exchange on a connection of ours can end in, and what the gateway calls that."""

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
