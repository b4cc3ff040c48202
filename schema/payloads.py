"""What a mutation answers: the thing that it made or changed, or why it did not, as data."""

from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import strawberry

from resolvers.errors import GatewayError, UpstreamError
from resolvers.logistics import TasksOutcome
from schema.deliveries import Delivery
from schema.inputs.checks import Path
from schema.logistics import LogisticsTask
from schema.mutation_errors import MutationError, all_as_data
from schema.organizations import Organization
from schema.prices import UNBOUNDED, WHOLE_PAGE, priced
from schema.sms import SmsJob

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
