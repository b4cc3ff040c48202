"""Every error that the gateway raises on purpose; each base class answers one question of a caller.

    GatewayError                  anything of ours: has a code, a message for the client, and says whether to try again
    |-- BadInput                  what the client said was refused before any call; `path` leads to it
    |-- Unauthenticated           we do not know the caller
    |-- Forbidden                 we know the caller, who may not do this
    |-- RateLimited               the caller has used up what it may cause
    |   `-- QuotaTooSmall         it asks for more than it may ever cause at once
    |-- OperationTooExpensive     one operation would cost more upstream calls than the limit
    |-- PersistedQueryNotFound    a hash whose document we have not seen, or do not trust
    |-- NoSuchRecord              a subscription to a thing that does not exist
    |-- EventsUnavailable         a subscription that cannot begin while the log of changes is away
    `-- UpstreamError             an upstream did not do what it was asked; `upstream` says which
        |-- UpstreamUnconfigured  the settings name no such upstream, or no such operation of it
        |-- UpstreamUnavailable   down, refused the connection, 5xx, or its breaker is open
        |-- UpstreamTimeout       no answer within the time of a try or of the operation
        |-- UpstreamRateLimited   it told us to slow down and the deadline does not allow to wait
        |-- UpstreamAuth          it refused the gateway's own credentials
        |-- UpstreamBadAnswer     it answered something that its documents do not describe
        |-- ChangeUnconfirmed     it made a change, and its record cannot be read or does not show it
        `-- UpstreamRefusal       it understood and said no: about the input, not about us or itself
            |-- InputRefused      400, 422: the input is wrong; `pointer` is the upstream's word for where
            |-- RecordMissing     404: there is no such thing
            |-- Conflicting       409: a duplicate, or a stale revision
            |   `-- StillInProgress  an earlier one of the same has to end first
            `-- NotAllowedNow     the thing's status forbids it

Errors of libraries become one of these in `resolvers/upstreams/transport/wire/` (connections),
`resolvers/upstreams/answers.py` (statuses and bodies), and nowhere else. What a client sees of them is decided in
`gateway/operations/responses/report.py` (queries) and `schema/payloads.py` (mutations).
"""

from collections.abc import Sequence
from typing import ClassVar

from resolvers.upstreams.names import UpstreamName


class GatewayError(Exception):
    """Base of all errors raised on purpose; its message is written for the client.

    Args:
        message: What happened, to what, and what to do; never a secret.
        retry_after: Seconds after which a new try makes sense, where that is known.
    """

    code: ClassVar[str] = "INTERNAL"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after


class BadInput(GatewayError):
    """What the client said was refused before any call.

    Args:
        message: What is wrong and what would be right.
        path: Leads from the field's arguments to the culprit, e.g. `["tasks", "0", "price"]`.
        also: What else was refused of the same request, each for itself.
    """

    code = "BAD_INPUT"

    def __init__(self, message: str, *, path: Sequence[str | int] = (), also: "Sequence[BadInput]" = ()) -> None:
        super().__init__(message)
        self.path = tuple(str(step) for step in path)
        self.also = tuple(also)


class Unauthenticated(GatewayError):
    """We do not know the caller."""

    code = "UNAUTHENTICATED"


class Forbidden(GatewayError):
    """We know the caller, who may not do this."""

    code = "FORBIDDEN"


class RateLimited(GatewayError):
    """The caller has used up what it may cause in this minute."""

    code = "RATE_LIMITED"
    retryable = True


class QuotaTooSmall(RateLimited):
    """The request asks for more than the caller's whole quota: it can never succeed as it is."""

    retryable = False


class OperationTooExpensive(GatewayError):
    """One operation would cost more upstream calls than the limit."""

    code = "OPERATION_TOO_EXPENSIVE"


class PersistedQueryNotFound(GatewayError):
    """A hash whose document we have not seen, or do not trust."""

    code = "PERSISTED_QUERY_NOT_FOUND"


class NoSuchRecord(GatewayError):
    """A subscription to a thing that does not exist."""

    code = "NOT_FOUND"


class EventsUnavailable(GatewayError):
    """A subscription cannot begin, because what keeps the changes for all processes is away."""

    code = "EVENTS_UNAVAILABLE"
    retryable = True


class UpstreamError(GatewayError):
    """An upstream did not do what it was asked.

    Args:
        upstream: Which one.
        message: What happened and what to do.
        retry_after: Seconds after which a new try makes sense, where that is known.
        outcome_unknown: The request may have taken effect although no proper answer came.

    Attributes:
        record: The record that was not changed, as it stands; None where it is not known.
        reason: Why there was no connection, for the operator alone; None where that is not known.
    """

    code = "UPSTREAM_UNAVAILABLE"

    def __init__(
        self,
        upstream: UpstreamName,
        message: str,
        *,
        retry_after: float | None = None,
        outcome_unknown: bool = False,
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self.upstream = upstream
        self.outcome_unknown = outcome_unknown
        self.record: object | None = None
        self.reason: str | None = None


class UpstreamUnconfigured(UpstreamError):
    """The settings name no such upstream, or no such operation of it."""

    code = "UPSTREAM_UNCONFIGURED"


class UpstreamUnavailable(UpstreamError):
    """Down, refused the connection, 5xx, or its breaker is open."""

    code = "UPSTREAM_UNAVAILABLE"
    retryable = True


class UpstreamTimeout(UpstreamError):
    """No answer within the time of a try or of the operation."""

    code = "UPSTREAM_TIMEOUT"
    retryable = True


class UpstreamRateLimited(UpstreamError):
    """It told us to slow down and the deadline does not allow to wait."""

    code = "UPSTREAM_RATE_LIMITED"
    retryable = True


class UpstreamAuth(UpstreamError):
    """It refused the gateway's own credentials (401, 403)."""

    code = "UPSTREAM_AUTH"


class UpstreamBadAnswer(UpstreamError):
    """It answered something that its documents do not describe."""

    code = "UPSTREAM_BAD_ANSWER"


class ChangeUnconfirmed(UpstreamError):
    """It made a change, says the status, and the record afterwards cannot be read or does not show it.

    Args:
        upstream: Which one.
        message: What was changed, and to look at it before the same is sent again.
    """

    code = "UPSTREAM_BAD_ANSWER"

    def __init__(self, upstream: UpstreamName, message: str) -> None:
        super().__init__(upstream, message, outcome_unknown=True)


class UpstreamRefusal(UpstreamError):
    """It understood the request and said no."""

    code = "BAD_INPUT"


class InputRefused(UpstreamRefusal):
    """400 or 422: the input is wrong in the upstream's eyes.

    Args:
        upstream: Which one.
        message: The upstream's own explanation where it gave one.
        pointer: The upstream's word for where, e.g. `/data/attributes/delivery-type`.

    Attributes:
        also: What else it refused of the same request, each for itself.
    """

    def __init__(self, upstream: UpstreamName, message: str, *, pointer: str | None = None) -> None:
        super().__init__(upstream, message)
        self.pointer = pointer
        self.also: tuple[InputRefused, ...] = ()


class RecordMissing(UpstreamRefusal):
    """404: there is no such thing, for these credentials.

    Args:
        upstream: Which one.
        message: What is missing.
        record_id: Which of several that were named at once; None where only one was.
    """

    code = "NOT_FOUND"

    def __init__(self, upstream: UpstreamName, message: str, *, record_id: str | None = None) -> None:
        super().__init__(upstream, message)
        self.record_id = record_id


class Conflicting(UpstreamRefusal):
    """409: a duplicate, a second task in progress, or a stale revision."""


class StillInProgress(Conflicting):
    """An earlier one of the same is in progress: the same request may succeed once that has ended."""

    retryable = True


class NotAllowedNow(UpstreamRefusal):
    """The thing's status forbids it.

    Args:
        upstream: Which one.
        message: What is forbidden and why.
        raw_status: The upstream's own word for the status, where it is known.
    """

    def __init__(self, upstream: UpstreamName, message: str, *, raw_status: str | None = None) -> None:
        super().__init__(upstream, message)
        self.raw_status = raw_status
