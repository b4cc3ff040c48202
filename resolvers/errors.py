"""Every error that the gateway raises on purpose.

    GatewayError                  has a code, a message for the client, and whether a retry can succeed
    |-- BadInput                  the client's input was refused before any call; `path` leads to it
    |-- Unauthenticated           the caller is unknown
    |-- Forbidden                 the caller lacks a right
    |-- RateLimited               the caller has used up its budget or quota
    |   `-- QuotaTooSmall         the request is larger than the whole quota
    |-- OperationTooExpensive     the operation would cost more upstream calls than the limit
    |-- PersistedQueryNotFound    the document of a hash is unknown or not trusted
    |-- NoSuchRecord              a subscription to a record that does not exist
    |-- EventsUnavailable         a subscription cannot begin, because the event log is unavailable
    |-- IdempotencyUnavailable    outcomes cannot be kept now, so nothing was sent under an idempotency key
    |-- IdempotencyKeyInUse       the first request with this idempotency key is still in progress
    `-- UpstreamError             an upstream failed or refused; `upstream` says which
        |-- UpstreamUnconfigured  the settings have no such upstream, or no such operation of it
        |-- UpstreamUnavailable   down, connection refused, 5xx, or its breaker is open
        |-- UpstreamTimeout       no answer within the time of a try or of the operation
        |-- UpstreamRateLimited   its rate limit is reached, and the deadline is too near to wait
        |-- UpstreamAuth          it refused the gateway's credentials
        |-- UpstreamBadAnswer     its answer is not what its documents describe
        |-- ChangeUnconfirmed     it made a change, and the record is unreadable or does not show it
        |-- OutcomeUnknown        an earlier request may have taken effect, and looking at the upstream cannot settle it
        |   `-- OutcomeUnsettled  looking has not settled it yet
        `-- UpstreamRefusal       it understood the request and refused it
            |-- InputRefused      400, 422: the input is invalid; `pointer` is the upstream's word for where
            |-- RecordMissing     404: there is no such record
            |-- Conflicting       409: a duplicate, or a stale revision
            |   `-- StillInProgress  an earlier change of the same record has to end first
            `-- NotAllowedNow     the record's status forbids it

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
        retry_after: Seconds until a retry can succeed; None where that is unknown.
    """

    code: ClassVar[str] = "INTERNAL"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after


class BadInput(GatewayError):
    """The client's input was refused before any call.

    Args:
        message: What is wrong and what would be right.
        path: The path from the field's arguments to the value, such as `["tasks", "0", "price"]`.
        also: Further errors of the same request.
    """

    code = "BAD_INPUT"

    def __init__(self, message: str, *, path: Sequence[str | int] = (), also: "Sequence[BadInput]" = ()) -> None:
        super().__init__(message)
        # Texts, because the schema's `path` is a list of them.
        self.path = tuple(str(step) for step in path)
        self.also = tuple(also)


class Unauthenticated(GatewayError):
    """The caller is unknown."""

    code = "UNAUTHENTICATED"


class Forbidden(GatewayError):
    """The caller lacks a right."""

    code = "FORBIDDEN"


class RateLimited(GatewayError):
    """The caller has used up its budget or quota."""

    code = "RATE_LIMITED"
    retryable = True


class QuotaTooSmall(RateLimited):
    """The request is larger than the caller's whole quota, so that no retry can succeed."""

    # A RateLimited all the same, because mutations show it as one; `retryable` makes the difference.

    retryable = False


class OperationTooExpensive(GatewayError):
    """The operation, or its response, would be larger than a limit."""

    code = "OPERATION_TOO_EXPENSIVE"


class PersistedQueryNotFound(GatewayError):
    """The document of a hash is unknown or not trusted."""

    code = "PERSISTED_QUERY_NOT_FOUND"


class NoSuchRecord(GatewayError):
    """A subscription to a record that does not exist."""

    code = "NOT_FOUND"


class EventsUnavailable(GatewayError):
    """A subscription cannot begin, because the event log is unavailable."""

    code = "EVENTS_UNAVAILABLE"
    retryable = True


class IdempotencyUnavailable(GatewayError):
    """Outcomes cannot be kept now, so nothing was sent for a request with an idempotency key."""

    code = "IDEMPOTENCY_UNAVAILABLE"
    retryable = True


class IdempotencyKeyInUse(GatewayError):
    """The first request with an idempotency key is still in progress."""

    code = "IDEMPOTENCY_KEY_IN_USE"
    retryable = True


class UpstreamError(GatewayError):
    """An upstream failed or refused.

    Args:
        upstream: The upstream.
        message: What happened and what to do.
        retry_after: Seconds until a retry can succeed; None where that is unknown.
        outcome_unknown: Whether the request may have taken effect, without a valid answer.

    Attributes:
        record: The current record that was not changed; None where it is unknown.
        reason: Why there was no connection, for the operator only; None where that is unknown.
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
        # Set later, by the resolver: the client that raises the error has not read the record.
        self.record: object | None = None
        self.reason: str | None = None


class UpstreamUnconfigured(UpstreamError):
    """The settings have no such upstream, or no such operation of it."""

    code = "UPSTREAM_UNCONFIGURED"


class UpstreamUnavailable(UpstreamError):
    """The upstream is down, refused the connection, answered 5xx, or its breaker is open."""

    code = "UPSTREAM_UNAVAILABLE"
    retryable = True


class UpstreamTimeout(UpstreamError):
    """No answer within the time of a try or of the operation."""

    code = "UPSTREAM_TIMEOUT"
    retryable = True


class UpstreamRateLimited(UpstreamError):
    """The upstream's rate limit is reached, and the deadline is too near to wait."""

    code = "UPSTREAM_RATE_LIMITED"
    retryable = True


class UpstreamAuth(UpstreamError):
    """The upstream refused the gateway's credentials (401, 403)."""

    # Not retryable: after a 401 they were renewed already, if they can be (`credentials.py`).

    code = "UPSTREAM_AUTH"


class UpstreamBadAnswer(UpstreamError):
    """The upstream's answer is not what its documents describe."""

    code = "UPSTREAM_BAD_ANSWER"


class ChangeUnconfirmed(UpstreamError):
    """The upstream answered that it made a change, and the record is unreadable or does not show it.

    Args:
        upstream: The upstream.
        message: What was changed, and to look at it before the change is sent again.
    """

    code = "UPSTREAM_BAD_ANSWER"

    def __init__(self, upstream: UpstreamName, message: str) -> None:
        super().__init__(upstream, message, outcome_unknown=True)


class OutcomeUnknown(UpstreamError):
    """An earlier request with the same idempotency key may have taken effect, and looking cannot settle it.

    Args:
        upstream: The upstream that it was sent to.
        message: What was looked for, and what to do.
        retry_after: Seconds until looking again can settle it; None where that is unknown.
    """

    code = "UPSTREAM_BAD_ANSWER"

    def __init__(self, upstream: UpstreamName, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(upstream, message, retry_after=retry_after, outcome_unknown=True)


class OutcomeUnsettled(OutcomeUnknown):
    """Looking has not settled it yet, and may do so later."""

    code = "UPSTREAM_UNAVAILABLE"
    retryable = True


class UpstreamRefusal(UpstreamError):
    """The upstream understood the request and refused it."""

    # As for what the gateway itself refuses: a client has to change its input in both cases.
    code = "BAD_INPUT"


class InputRefused(UpstreamRefusal):
    """The upstream refused the input (400, 422).

    Args:
        upstream: The upstream.
        message: The upstream's own explanation where it gave one.
        pointer: The upstream's word for where, e.g. `/data/attributes/delivery-type`.

    Attributes:
        also: Further errors of the same request.
    """

    def __init__(self, upstream: UpstreamName, message: str, *, pointer: str | None = None) -> None:
        super().__init__(upstream, message)
        self.pointer = pointer
        self.also: tuple[InputRefused, ...] = ()


class RecordMissing(UpstreamRefusal):
    """There is no such record for these credentials (404).

    Args:
        upstream: The upstream.
        message: What is missing.
        record_id: The record's id where the request named several; else None.
    """

    code = "NOT_FOUND"

    def __init__(self, upstream: UpstreamName, message: str, *, record_id: str | None = None) -> None:
        super().__init__(upstream, message)
        self.record_id = record_id


class Conflicting(UpstreamRefusal):
    """A duplicate, a second change in progress, or a stale revision (409)."""


class StillInProgress(Conflicting):
    """An earlier change of the same record is in progress, after which a retry can succeed."""

    retryable = True


class NotAllowedNow(UpstreamRefusal):
    """The record's status forbids the request.

    Args:
        upstream: The upstream.
        message: What is forbidden and why.
        raw_status: The upstream's own word for the status; None where it is unknown.
    """

    def __init__(self, upstream: UpstreamName, message: str, *, raw_status: str | None = None) -> None:
        super().__init__(upstream, message)
        self.raw_status = raw_status
