"""The payloads of mutations: the record that was created or changed, or the errors as data."""

from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import strawberry

from resolvers import errors
from resolvers.errors import GatewayError, UpstreamError
from resolvers.task_changes import TasksOutcome
from schema.deliveries import Delivery
from schema.enums import UpstreamNameField
from schema.inputs.checks import Path
from schema.logistics import LogisticsTask
from schema.organizations import Organization
from schema.prices import UNBOUNDED, WHOLE_PAGE, priced
from schema.sms import SmsJob


@strawberry.interface(
    description=(
        "Why a mutation was not done. A payload has its object or its errors, never neither. A Conflict or "
        "NotAllowedNow of one thing has the object beside it, as it stands, as far as it can be read."
    )
)
class MutationError:
    """The fields that all errors have in common."""

    # An interface and no union, so that clients can select these without naming each type.

    message: str = strawberry.field(description="What happened, to what, and what to do.")
    retryable: bool = strawberry.field(description="True where the same request may succeed later.")


@strawberry.type(
    description=(
        "The input was refused, by the gateway before any call or by the upstream (400, 422). "
        '`path` leads into the mutation\'s arguments, e.g. ["tasks", "0", "price"].'
    )
)
class InvalidInput(MutationError):
    """The client has to change the request."""

    path: list[str] | None = strawberry.field(description="Leads to the culprit; null where the upstream did not say.")


@strawberry.type(description="There is no such thing, for the credentials that were used.")
class NotFound(MutationError):
    """The client has named a record that does not exist."""

    missing_id: strawberry.ID | None = strawberry.field(description="The id that was asked for.")


@strawberry.type(
    description=(
        "Duplicate SMS job; a second send-task in progress (also where the upstream says so by a 422 pointing at /data "
        "or /data/relationships/dsp-upload-identification); a stale versionRev. "
        "Also a request whose idempotency key another one is still at work with, which is retryable."
    )
)
class Conflict(MutationError):
    """The client has to look at the current state first."""


@strawberry.type(description="The thing's status forbids it, e.g. cancelling a task that a driver has accepted.")
class NotAllowedNow(MutationError):
    """The status of the record has to be another before the same request can succeed."""

    raw_status: str | None = strawberry.field(description="The upstream's own word for the status, where it is known.")


@strawberry.type(description="Too many requests: the caller's of the gateway, or the gateway's of the upstream.")
class RateLimited(MutationError):
    """The client has to wait."""

    retry_after_seconds: float | None = strawberry.field(description="After how many seconds to try again.")


@strawberry.type(
    description=(
        "The upstream failed, refused the gateway's credentials, or did not answer. "
        "`outcomeUnknown` is true where the request may have taken effect."
    )
)
class UpstreamFailed(MutationError):
    """The client can do nothing about it but try again later."""

    upstream: UpstreamNameField = strawberry.field(description="Which upstream.")
    outcome_unknown: bool = strawberry.field(
        description="True where the request may have taken effect: look before you send it again."
    )


@strawberry.type(
    description=(
        "The gateway cannot keep what becomes of a request with an idempotency key now, so it sent nothing. Send it "
        "again later, with the same key."
    )
)
class IdempotencyUnavailable(MutationError):
    """The client has to wait, because its key would protect from nothing."""


def all_as_data(
    error: errors.GatewayError, *, asked_id: object = None, pointers: Mapping[str, Path] | None = None
) -> list[MutationError]:
    """Return an error and all that was refused together with it as data; see `as_data`."""
    also = error.also if isinstance(error, errors.BadInput | errors.InputRefused) else ()
    return [as_data(one, asked_id=asked_id, pointers=pointers) for one in (error, *also)]


def as_data(
    error: errors.GatewayError, *, asked_id: object = None, pointers: Mapping[str, Path] | None = None
) -> MutationError:
    """Return an error as data.

    Args:
        error: Why the mutation was not done.
        asked_id: The id of the record to change, as the client wrote it.
        pointers: The path of an argument by the upstream's JSON pointer to it.

    Raises:
        GatewayError: The same error, if it is about the caller and not about the mutation.
    """
    message, retryable = error.message, error.retryable
    # The first that fits counts, so `UpstreamError`, the base of most of the others, comes last.
    match error:
        case errors.BadInput():
            return InvalidInput(message=message, retryable=retryable, path=list(error.path))
        case errors.InputRefused():
            return InvalidInput(message=message, retryable=retryable, path=_path(error.pointer, pointers or {}))
        case errors.RecordMissing():
            return NotFound(message=message, retryable=retryable, missing_id=_id(error.record_id or asked_id))
        case errors.IdempotencyUnavailable():
            return IdempotencyUnavailable(message=message, retryable=retryable)
        case errors.Conflicting() | errors.IdempotencyKeyInUse():
            return Conflict(message=message, retryable=retryable)
        case errors.NotAllowedNow():
            return NotAllowedNow(message=message, retryable=retryable, raw_status=error.raw_status)
        case errors.RateLimited() | errors.UpstreamRateLimited():
            return RateLimited(message=message, retryable=retryable, retry_after_seconds=error.retry_after)
        case errors.UpstreamError():
            return UpstreamFailed(
                message=message, retryable=retryable, upstream=error.upstream, outcome_unknown=error.outcome_unknown
            )
    raise error


def _path(pointer: str | None, pointers: Mapping[str, Path]) -> list[str] | None:
    path = pointers.get(pointer or "")
    if path is None and pointer and "/" not in pointer:
        # Some servers send the name of the field instead of a JSON pointer.
        path = next((one for known, one in pointers.items() if known.endswith(f"/{pointer}")), None)
    return None if path is None else [str(step) for step in path]


def _id(asked_id: object) -> strawberry.ID | None:
    return None if asked_id is None else strawberry.ID(str(asked_id))


Arguments = ParamSpec("Arguments")
Payload = TypeVar("Payload")

ERRORS = "Why it was not done; empty where it was."
WITH_ERRORS = "; also beside a Conflict or NotAllowedNow, as far as it can be read."


@strawberry.type(description="A delivery that was made or changed, or why it was not.")
class DeliveryPayload:
    """The payload of a mutation of a delivery; operation lifetime."""

    delivery: Delivery | None = strawberry.field(description=f"The delivery as it stands now{WITH_ERRORS}")
    errors: list[MutationError] = strawberry.field(description=ERRORS, metadata=priced(size=UNBOUNDED))


@strawberry.type(description="A job that the upstream has taken, or why it was not sent.")
class SmsJobPayload:
    """The payload of sending an SMS job; operation lifetime."""

    job: SmsJob | None = strawberry.field(description="The job, from its report or, until that can be read, the input.")
    errors: list[MutationError] = strawberry.field(description=ERRORS, metadata=priced(size=UNBOUNDED))


@strawberry.type(description="A task that was changed, or why it was not.")
class LogisticsTaskPayload:
    """The payload of a mutation of one task; operation lifetime."""

    task: LogisticsTask | None = strawberry.field(description=f"The task as it stands now{WITH_ERRORS}")
    errors: list[MutationError] = strawberry.field(description=ERRORS, metadata=priced(size=UNBOUNDED))


@strawberry.type(
    description=(
        "Tasks and errors may stand together: chunks of 20 are independent, and an id that the upstream did not change "
        "is NotAllowedNow (broadcast) or NotFound (tracking)."
    )
)
class LogisticsTasksPayload:
    """The payload of a mutation of several tasks; operation lifetime."""

    tasks: list[LogisticsTask] | None = strawberry.field(
        description="The tasks that were made or changed.", metadata=priced(size=WHOLE_PAGE)
    )
    errors: list[MutationError] = strawberry.field(
        description="Why others were not; empty where all were.", metadata=priced(size=UNBOUNDED)
    )


@strawberry.type(description="An organization that was created, or why it was not.")
class OrganizationPayload:
    """The payload of creating an organization; operation lifetime."""

    organization: Organization | None = strawberry.field(description="The organization.")
    errors: list[MutationError] = strawberry.field(description=ERRORS, metadata=priced(size=UNBOUNDED))


@strawberry.type(description="What the upstream says to an invitation, or why nobody was invited.")
class InviteUserPayload:
    """The payload of inviting a user; operation lifetime."""

    message: str | None = strawberry.field(description="What the upstream says; null where it says nothing.")
    errors: list[MutationError] = strawberry.field(description=ERRORS, metadata=priced(size=UNBOUNDED))


def errors_as_data(
    payload: Callable[..., Payload], place: str, *, id_argument: str = "", pointers: Mapping[str, Path] | None = None
) -> Callable[[Callable[Arguments, Awaitable[Any]]], Callable[Arguments, Awaitable[Payload]]]:
    """Return a decorator that makes a mutation's function return its payload, with its result or its errors.

    Errors about the caller (Unauthenticated, Forbidden) and unexpected ones are raised as they are.

    Args:
        payload: The payload's type.
        place: The field of the payload that holds the function's result.
        id_argument: The function's argument with the id of the record to change, for NotFound.
        pointers: The path of an argument by the upstream's JSON pointer to it.
    """

    def decorate(resolve: Callable[Arguments, Awaitable[Any]]) -> Callable[Arguments, Awaitable[Payload]]:
        # Strawberry reads a field's arguments from the signature of the function that is wrapped.
        @wraps(resolve)
        async def resolved(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Payload:
            try:
                done = await resolve(*args, **kwargs)
            except GatewayError as error:
                asked = kwargs.get(id_argument)
                # With the current record if the error has it, so that the client's cache needs no second query.
                current = error.record if isinstance(error, UpstreamError) else None
                return payload(**{place: current}, errors=all_as_data(error, asked_id=asked, pointers=pointers))
            # Null where no task was changed, because a payload has its object or its errors.
            if isinstance(done, TasksOutcome):
                return payload(
                    **{place: done.tasks or None}, errors=[one for error in done.errors for one in all_as_data(error)]
                )
            return payload(**{place: done}, errors=[])

        return resolved

    return decorate
