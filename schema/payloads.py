"""What mutations answer: the record that was created or changed, or the errors as data."""

from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import strawberry

from resolvers import errors
from resolvers.errors import GatewayError, UpstreamError
from resolvers.logistics import TasksOutcome
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
    """What all reasons have in common."""

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
    """The client has named something that is not there."""

    missing_id: strawberry.ID | None = strawberry.field(description="The id that was asked for.")


@strawberry.type(
    description=(
        "Duplicate SMS job; a second send-task in progress (also where the upstream says so by a 422 pointing at /data "
        "or /data/relationships/dsp-upload-identification); a stale versionRev."
    )
)
class Conflict(MutationError):
    """The client has to look at what is there."""


@strawberry.type(description="The thing's status forbids it, e.g. cancelling a task that a driver has accepted.")
class NotAllowedNow(MutationError):
    """The client comes too late, or too early."""

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
    """The client cannot help it."""

    upstream: UpstreamNameField = strawberry.field(description="Which upstream.")
    outcome_unknown: bool = strawberry.field(
        description="True where the request may have taken effect: look before you send it again."
    )


def all_as_data(
    error: errors.GatewayError, *, asked_id: object = None, pointers: Mapping[str, Path] | None = None
) -> list[MutationError]:
    """The data that an error becomes with all that was refused beside it; see `as_data`."""
    also = error.also if isinstance(error, errors.BadInput | errors.InputRefused) else ()
    return [as_data(one, asked_id=asked_id, pointers=pointers) for one in (error, *also)]


def as_data(
    error: errors.GatewayError, *, asked_id: object = None, pointers: Mapping[str, Path] | None = None
) -> MutationError:
    """The data that an error becomes.

    Args:
        error: Why the mutation was not done.
        asked_id: The thing that the mutation names, as the client wrote it.
        pointers: The upstream's words for places in its request, with what the client wrote there.

    Raises:
        GatewayError: the same error, where it is about the caller and not about what was asked.
    """
    message, retryable = error.message, error.retryable
    match error:
        case errors.BadInput():
            return InvalidInput(message=message, retryable=retryable, path=list(error.path))
        case errors.InputRefused():
            return InvalidInput(message=message, retryable=retryable, path=_path(error.pointer, pointers or {}))
        case errors.RecordMissing():
            return NotFound(message=message, retryable=retryable, missing_id=_id(error.record_id or asked_id))
        case errors.Conflicting():
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
        # Some servers name the field alone.
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
    """What a mutation of a delivery answers; operation lifetime."""

    delivery: Delivery | None = strawberry.field(description=f"The delivery as it stands now{WITH_ERRORS}")
    errors: list[MutationError] = strawberry.field(description=ERRORS, metadata=priced(size=UNBOUNDED))


@strawberry.type(description="A job that the upstream has taken, or why it was not sent.")
class SmsJobPayload:
    """What sending a job answers; operation lifetime."""

    job: SmsJob | None = strawberry.field(description="The job, from its report or, until that can be read, the input.")
    errors: list[MutationError] = strawberry.field(description=ERRORS, metadata=priced(size=UNBOUNDED))


@strawberry.type(description="A task that was changed, or why it was not.")
class LogisticsTaskPayload:
    """What a mutation of one task answers; operation lifetime."""

    task: LogisticsTask | None = strawberry.field(description=f"The task as it stands now{WITH_ERRORS}")
    errors: list[MutationError] = strawberry.field(description=ERRORS, metadata=priced(size=UNBOUNDED))


@strawberry.type(
    description=(
        "Tasks and errors may stand together: chunks of 20 are independent, and an id that the upstream did not change "
        "is NotAllowedNow (broadcast) or NotFound (tracking)."
    )
)
class LogisticsTasksPayload:
    """What a mutation of several tasks answers; operation lifetime."""

    tasks: list[LogisticsTask] | None = strawberry.field(
        description="The tasks that were made or changed.", metadata=priced(size=WHOLE_PAGE)
    )
    errors: list[MutationError] = strawberry.field(
        description="Why others were not; empty where all were.", metadata=priced(size=UNBOUNDED)
    )


@strawberry.type(description="An organization that was created, or why it was not.")
class OrganizationPayload:
    """What creating an organization answers; operation lifetime."""

    organization: Organization | None = strawberry.field(description="The organization.")
    errors: list[MutationError] = strawberry.field(description=ERRORS, metadata=priced(size=UNBOUNDED))


@strawberry.type(description="What the upstream says to an invitation, or why nobody was invited.")
class InviteUserPayload:
    """What inviting a user answers; operation lifetime."""

    message: str | None = strawberry.field(description="What the upstream says; null where it says nothing.")
    errors: list[MutationError] = strawberry.field(description=ERRORS, metadata=priced(size=UNBOUNDED))


def errors_as_data(
    payload: Callable[..., Payload], place: str, *, id_argument: str = "", pointers: Mapping[str, Path] | None = None
) -> Callable[[Callable[Arguments, Awaitable[Any]]], Callable[Arguments, Awaitable[Payload]]]:
    """Make a mutation answer its payload, with what its function returns or with the error that it raises.

    An error that knows the record as it stands has it told as well, so that a client's own cache needs no second query.

    Errors about the caller (Unauthenticated, Forbidden) and those that are not ours go on: they are no data.

    Args:
        payload: The payload's type.
        place: The field of the payload that holds what the function returns.
        id_argument: The function's argument that names a thing, for a NotFound.
        pointers: The upstream's words for places in its request, with what the client wrote there.
    """

    def decorate(resolve: Callable[Arguments, Awaitable[Any]]) -> Callable[Arguments, Awaitable[Payload]]:
        @wraps(resolve)
        async def resolved(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Payload:
            try:
                done = await resolve(*args, **kwargs)
            except GatewayError as error:
                asked = kwargs.get(id_argument)
                standing = error.record if isinstance(error, UpstreamError) else None
                return payload(**{place: standing}, errors=all_as_data(error, asked_id=asked, pointers=pointers))
            if isinstance(done, TasksOutcome):
                return payload(
                    **{place: done.tasks or None}, errors=[one for error in done.errors for one in all_as_data(error)]
                )
            return payload(**{place: done}, errors=[])

        return resolved

    return decorate
