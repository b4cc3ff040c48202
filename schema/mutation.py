"""The fields of `Mutation`: each checks its input, calls one resolver, and returns errors as data."""

from typing import Annotated, Final

import strawberry
from strawberry import UNSET

from resolvers import deliveries, logistics, task_changes
from resolvers.catalogue import local_id
from resolvers.kinds.deliveries import DELIVERY_ID
from resolvers.kinds.logistics import ORGANIZATION_ID, ROLE_ID, TASK_ID
from resolvers.rereading import MAX_REREAD
from resolvers.selection import OperationInfo
from resolvers.sms import jobs as sms_jobs
from resolvers.upstreams import operations
from resolvers.upstreams.logistics.requests import Invitation
from schema.inputs.checks import Refusals, email, not_blank
from schema.inputs.deliveries import POINTERS, CreateDeliveryInput, UpdateDeliveryInput
from schema.inputs.idempotency import KEY_DESCRIPTION, key_of
from schema.inputs.logistics import LogisticsTaskInput, TrackingIdInput, task_ids, tasks_of_any_time, tracking_ids
from schema.inputs.sms import SendSmsInput
from schema.inputs.task_changes import UpdateLogisticsTaskInput
from schema.nodes import Id, given
from schema.payloads import (
    DeliveryPayload,
    InviteUserPayload,
    LogisticsTaskPayload,
    LogisticsTasksPayload,
    OrganizationPayload,
    SmsJobPayload,
    errors_as_data,
)
from schema.prices import Change, PageByArgument, priced

Key = Annotated[str | None, strawberry.argument(description=KEY_DESCRIPTION)]

IN_INPUT: Final = ("input", "idempotencyKey")
BESIDE: Final = ("idempotencyKey",)
"""Where the key of a field is among its arguments."""

Tracked = Annotated[
    list[TrackingIdInput],
    strawberry.argument(name="tasks", description="The tasks with their tracking ids; at least one."),
]


@errors_as_data(DeliveryPayload, "delivery", pointers=POINTERS)
async def _create_delivery(
    info: OperationInfo,
    wanted: Annotated[CreateDeliveryInput, strawberry.argument(name="input", description="The delivery to create.")],
) -> object:
    with Refusals() as checked:
        key = checked(key_of, info, wanted.idempotency_key, IN_INPUT)
        request = checked(wanted.to_request, ("input",))
    return await deliveries.create(info.context, request, key)


@errors_as_data(DeliveryPayload, "delivery", id_argument="delivery_id", pointers=POINTERS)
async def _update_delivery(
    info: OperationInfo,
    delivery_id: Id,
    wanted: Annotated[UpdateDeliveryInput, strawberry.argument(name="input", description="What to change.")],
) -> object:
    with Refusals() as checked:
        # Both in one block, so that a client learns of a wrong id and a wrong input by one request.
        own_id = checked(local_id, DELIVERY_ID, delivery_id, ("id",))
        change = checked(wanted.to_request, ("input",))
    return await deliveries.update(info, own_id, change)


@errors_as_data(DeliveryPayload, "delivery", id_argument="delivery_id")
async def _cancel_delivery(info: OperationInfo, delivery_id: Id) -> object:
    return await deliveries.cancel(info.context, local_id(DELIVERY_ID, delivery_id, ("id",)))


@errors_as_data(SmsJobPayload, "job")
async def _send_sms(
    info: OperationInfo,
    wanted: Annotated[SendSmsInput, strawberry.argument(name="input", description="The job to send.")],
) -> object:
    with Refusals() as checked:
        about = checked(wanted.checked_regarding, ("input",))
        job = checked(wanted.to_request, ("input",))
        key = checked(key_of, info, wanted.idempotency_key, IN_INPUT)
    return await sms_jobs.send(info, job, about, key)


@errors_as_data(LogisticsTasksPayload, "tasks")
async def _create_logistics_tasks(
    info: OperationInfo,
    tasks: Annotated[list[LogisticsTaskInput], strawberry.argument(description="The tasks to create; at least one.")],
    draft: Annotated[bool | None, strawberry.argument(description="true creates them without a broadcast.")] = False,
    idempotency_key: Key = UNSET,
) -> object:
    with Refusals() as checked:
        key = checked(key_of, info, given(idempotency_key), BESIDE)
        of_any_time = checked(tasks_of_any_time, tasks, info.context.now(), ("tasks",))
    wanted, too_late = of_any_time
    # Null is the default of `draft` too.
    return await task_changes.create(info.context, wanted, draft=bool(draft), key=key, too_late=too_late)


@errors_as_data(LogisticsTaskPayload, "task", id_argument="task_id")
async def _update_logistics_task(
    info: OperationInfo,
    task_id: Id,
    wanted: Annotated[UpdateLogisticsTaskInput, strawberry.argument(name="input", description="What to change.")],
) -> object:
    with Refusals() as checked:
        own_id = checked(local_id, TASK_ID, task_id, ("id",))
        change = checked(wanted.to_request, ("input",))
    return await task_changes.update(info, own_id, change)


@errors_as_data(LogisticsTaskPayload, "task", id_argument="task_id")
async def _cancel_logistics_task(
    info: OperationInfo,
    task_id: Id,
    reason: Annotated[str, strawberry.argument(description="Why, for the upstream's records.")],
) -> object:
    with Refusals() as checked:
        own_id = checked(local_id, TASK_ID, task_id, ("id",))
        why = checked(not_blank, reason, ("reason",))
    return await task_changes.cancel(info.context, own_id, why)


@errors_as_data(LogisticsTasksPayload, "tasks")
async def _broadcast_logistics_tasks(
    info: OperationInfo,
    ids: Annotated[list[strawberry.ID], strawberry.argument(description="The drafts to broadcast; at least one.")],
    idempotency_key: Key = UNSET,
) -> object:
    with Refusals() as checked:
        key = checked(key_of, info, given(idempotency_key), BESIDE)
        own_ids = checked(task_ids, ids, ("ids",))
    return await task_changes.broadcast(info.context, own_ids, key)


@errors_as_data(LogisticsTasksPayload, "tasks")
async def _broadcast_logistics_tasks_with_tracking(
    info: OperationInfo, tracked: Tracked, idempotency_key: Key = UNSET
) -> object:
    with Refusals() as checked:
        key = checked(key_of, info, given(idempotency_key), BESIDE)
        wanted = checked(tracking_ids, tracked, ("tasks",))
    return await task_changes.broadcast_with_tracking(info.context, wanted, key)


@errors_as_data(LogisticsTasksPayload, "tasks")
async def _set_tracking_ids(info: OperationInfo, tracked: Tracked) -> object:
    return await task_changes.set_tracking_ids(info.context, tracking_ids(tracked, ("tasks",)))


@errors_as_data(OrganizationPayload, "organization")
async def _create_organization(
    info: OperationInfo,
    business_name: Annotated[str, strawberry.argument(description="The name to register the business under.")],
    idempotency_key: Key = UNSET,
) -> object:
    # No other rule is checked: those that are known stand in pages about an internal service of the vendor.
    with Refusals() as checked:
        key = checked(key_of, info, given(idempotency_key), BESIDE)
        name = checked(not_blank, business_name, ("businessName",))
    return await logistics.create_organization(info.context, name, key)


@errors_as_data(InviteUserPayload, "message")
async def _invite_user(
    info: OperationInfo,
    address: Annotated[str, strawberry.argument(name="email", description="The email address to invite.")],
    organization_id: Annotated[strawberry.ID, strawberry.argument(description="The organization to invite into.")],
    role_id: Annotated[
        strawberry.ID | None, strawberry.argument(description="What the user is to be there; see Organization.roles.")
    ] = UNSET,
    idempotency_key: Key = UNSET,
) -> object:
    with Refusals() as checked:
        key = checked(key_of, info, given(idempotency_key), BESIDE)
        wanted = checked(invitation, address, organization_id, given(role_id))
    return await logistics.invite(info.context, wanted, key)


def invitation(address: str, organization_id: str, role_id: str | None) -> Invitation:
    """Return the invitation as it is sent upstream.

    Args:
        address: The email address to invite.
        organization_id: The organization to invite into.
        role_id: The role of the user there; a role has no global id.

    Raises:
        BadInput: The email address is malformed, or an id is not one of an organization or a role.
    """
    with Refusals() as checked:
        return Invitation(
            checked(email, address, ("email",)),
            checked(local_id, ORGANIZATION_ID, organization_id, ("organizationId",)),
            None if role_id is None else checked(local_id, ROLE_ID, role_id, ("roleId",)),
        )


@strawberry.type(description="What can be changed. Errors are data: a payload has its object or its errors.")
class Mutation:
    """The root type of mutations."""

    create_delivery = strawberry.mutation(
        resolver=_create_delivery,
        graphql_type=DeliveryPayload,
        description="Sends one product to one DSP; with `deliverable: true` the delivery starts at once.",
        metadata=priced(Change(operations.CREATE_DELIVERY, "Delivery", "delivery", reads=1)),
    )
    update_delivery = strawberry.mutation(
        resolver=_update_delivery,
        graphql_type=DeliveryPayload,
        description="Changes a delivery.",
        metadata=priced(Change(operations.UPDATE_DELIVERY, "Delivery", "delivery", reads=1)),
    )
    cancel_delivery = strawberry.mutation(
        resolver=_cancel_delivery,
        graphql_type=DeliveryPayload,
        description=(
            "Holds a PENDING delivery back (PATCH deliverable: false; DELETE is never sent). The upstream cannot "
            "delete a send-task, so a delivery that has started answers NotAllowedNow; to take a product down from a "
            "DSP, create a delivery of type DELETE."
        ),
        # Read before it, because only a pending one may be held back, and after it if the answer lacks the record.
        metadata=priced(Change(operations.UPDATE_DELIVERY, "Delivery", "delivery", reads=2)),
    )
    send_sms = strawberry.mutation(
        resolver=_send_sms,
        graphql_type=SmsJobPayload,
        description=(
            "Up to 3000 recipients over all messages. Once the upstream has taken the job the payload has it and no "
            "error: until its report can be read, the job is built from the input."
        ),
        # Without a read of its own: the job's report is read only for fields that need it, and is charged with these.
        metadata=priced(Change(operations.CREATE_JOB, "SmsJob", "job")),
    )
    create_logistics_tasks = strawberry.mutation(
        resolver=_create_logistics_tasks,
        graphql_type=LogisticsTasksPayload,
        description="Any number; sent upstream 20 at a time. With draft: true nothing is broadcast.",
        metadata=priced(
            # Tasks are read only where the answer has no more than their ids, and no more than these.
            Change(operations.CREATE_TASKS, "LogisticsTask", "tasks", reads=1, reads_most=MAX_REREAD),
            PageByArgument("tasks"),
        ),
    )
    update_logistics_task = strawberry.mutation(
        resolver=_update_logistics_task,
        graphql_type=LogisticsTaskPayload,
        description="Changes a task at the revision that was last read; a stale one is a Conflict.",
        metadata=priced(Change(operations.UPDATE_TASK, "LogisticsTask", "task", reads=1)),
    )
    cancel_logistics_task = strawberry.mutation(
        resolver=_cancel_logistics_task,
        graphql_type=LogisticsTaskPayload,
        description="Calls a task off, which no driver may have accepted yet.",
        metadata=priced(Change(operations.CANCEL_TASK, "LogisticsTask", "task", reads=1)),
    )
    broadcast_logistics_tasks = strawberry.mutation(
        resolver=_broadcast_logistics_tasks,
        graphql_type=LogisticsTasksPayload,
        description="Offers drafts to drivers.",
        metadata=priced(Change(operations.BROADCAST_TASKS, "LogisticsTask", "tasks", reads=1), PageByArgument("ids")),
    )
    broadcast_logistics_tasks_with_tracking = strawberry.mutation(
        resolver=_broadcast_logistics_tasks_with_tracking,
        graphql_type=LogisticsTasksPayload,
        description="Offers drafts to drivers, and gives each that was really offered its tracking id.",
        metadata=priced(
            Change(operations.BROADCAST_WITH_TRACKING, "LogisticsTask", "tasks", reads=1), PageByArgument("tasks")
        ),
    )
    set_tracking_ids = strawberry.mutation(
        resolver=_set_tracking_ids,
        graphql_type=LogisticsTasksPayload,
        description="Gives tasks their tracking ids.",
        metadata=priced(
            Change(operations.SET_TRACKING_IDS, "LogisticsTask", "tasks", reads=1), PageByArgument("tasks")
        ),
    )
    create_organization = strawberry.mutation(
        resolver=_create_organization,
        graphql_type=OrganizationPayload,
        description="Registers a business that tasks are carried out for.",
        metadata=priced(Change(operations.CREATE_ORGANIZATION, "Organization", "organization", reads=1)),
    )
    invite_user = strawberry.mutation(
        resolver=_invite_user,
        graphql_type=InviteUserPayload,
        description="Invites a user into an organization by email.",
        metadata=priced(Change(operations.INVITE_USER)),
    )
