"""Changes of logistics tasks: of one, and of any number in calls of up to 20.

A change of several tasks is settled per task. The upstream reports which tasks it changed; these are read again. A task
that it does not report is an error, and so is a task that, read again, does not show a change without a report.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from math import ceil
from typing import Final, Generic, TypeAlias, TypeVar

import msgspec

from resolvers.chunks import MAX_TASKS_A_CALL, by_chunks
from resolvers.context import Context
from resolvers.errors import (
    BadInput,
    ChangeUnconfirmed,
    Conflicting,
    GatewayError,
    NotAllowedNow,
    RecordMissing,
)
from resolvers.idempotency.outcomes import Looked, Made, Request
from resolvers.idempotency.secrets import IdempotencyKey
from resolvers.idempotency.window import Window
from resolvers.kinds.logistics import TASK
from resolvers.rereading import MAX_REREAD, add_record, not_read, not_shown, read_after_change
from resolvers.selection import OperationInfo, selected_below
from resolvers.settling.tasks import find_broadcast_tasks, find_created_tasks
from resolvers.upstreams.logistics.requests import NewTask, TaskChange, TrackingId
from resolvers.upstreams.logistics.task_records import LogisticsTask, TaskReference, UpdatedTask
from resolvers.upstreams.logistics.vocabulary import TaskStatus
from resolvers.upstreams.names import UpstreamName

Item = TypeVar("Item")

_NOT_BROADCAST: Final = frozenset({TaskStatus.DRAFT, TaskStatus.CANCELLED, TaskStatus.EXPIRED})
"""The statuses of a task that was not broadcast."""


Created: TypeAlias = LogisticsTask | TaskReference | GatewayError
"""A task of one call that creates some, or an error of it."""


class TasksOutcome(msgspec.Struct, frozen=True):
    """The outcome of a change of several tasks; operation lifetime."""

    tasks: list[LogisticsTask]
    errors: list[GatewayError]


async def create(
    context: Context,
    tasks: Sequence[NewTask],
    *,
    draft: bool,
    key: IdempotencyKey | None = None,
    too_late: BadInput | None = None,
) -> TasksOutcome:
    """Create tasks in calls of 20, each of which fails by itself.

    Tasks for which the response has only an id are read afterwards, up to `MAX_REREAD`.

    Args:
        context: The operation's context.
        tasks: The tasks.
        draft: Whether they are not broadcast.
        key: Creates them once for all requests with this key.
        too_late: Why the tasks cannot be created any more; not raised if they were created before, under the key.

    Raises:
        BadInput: It is too late.
    """
    context.account.require_write(UpstreamName.LOGISTICS)

    async def create_chunk(number: int, chunk: Sequence[NewTask]) -> Sequence[Created]:
        async def send() -> Made[LogisticsTask | TaskReference]:
            created = await context.account.logistics.create_tasks(context.scope, chunk, draft=draft)
            # Within the block, since their absence may be cached.
            changed.update(task.task_id for task in created)
            missing = (_not_named(len(created), len(chunk)),) if len(created) < len(chunk) else ()
            return Made(tuple(task.task_id for task in created), tuple(created), missing)

        async def find(window: Window) -> Made[LogisticsTask | TaskReference] | Looked:
            return await find_created_tasks(context, chunk, window)

        made = await run.part(number, Request(UpstreamName.LOGISTICS, "the tasks", send, find))
        return [*(made.records or map(TaskReference, made.ids)), *made.errors]

    # Read before the change, so that a status that is noticed meanwhile is not overwritten by an older one.
    since = context.status_version
    calls = ceil(len(tasks) / MAX_TASKS_A_CALL)
    async with (
        context.once(key, ("createLogisticsTasks", tasks, draft), calls) as run,
        context.changing(TASK) as changed,
    ):
        if too_late is not None and not run.is_known:
            raise too_late
        created, failed = await by_chunks(tasks, create_chunk)
    whole = [record for record in created if isinstance(record, LogisticsTask)]
    await context.publish_status(since, *whole)
    context.loaders.of(TASK).prime({record.task_id: record for record in whole})
    named = [one.task_id for one in created if isinstance(one, TaskReference)]
    read, unread = await _reread_all(context, named[:MAX_REREAD])
    unread += [not_read(UpstreamName.LOGISTICS, "task", task_id) for task_id in named[MAX_REREAD:]]
    return TasksOutcome(whole + read, [*(error for _, error in failed), *unread])


async def update(info: OperationInfo, task_id: str, change: TaskChange) -> LogisticsTask:
    """Change a task at the revision that the client has read, and return it.

    Raises:
        Conflicting: The task has another revision by now; has the current task where it is selected.
        NotAllowedNow: The task's status forbids it; has the current task.
        UpstreamError: It was not changed, or the outcome is unknown.
    """
    context = info.context
    context.account.require_write(UpstreamName.LOGISTICS)
    since = context.status_version
    try:
        async with context.changing(TASK, [task_id]):
            updated = await context.account.logistics.update_task(context.scope, task_id, change)
    except (Conflicting, NotAllowedNow) as refusal:
        if isinstance(refusal, NotAllowedNow) or selected_below(info, "task"):
            await add_record(context, refusal, context.loaders.of(TASK), task_id)
        raise
    if updated is None:
        updated = await _reread(context, task_id)
        # Every change makes a new revision; a task without one shows nothing.
        if updated.version_rev in {None, change.version_rev}:
            raise not_shown(UpstreamName.LOGISTICS, "task", task_id, updated)
        return updated
    await context.publish_status(since, updated)
    return updated


async def cancel(context: Context, task_id: str, reason: str) -> LogisticsTask:
    """Cancel a task and return it.

    Raises:
        NotAllowedNow: The task's status forbids it; has the current task.
        UpstreamError: It was not cancelled, or the outcome is unknown.
    """
    context.account.require_write(UpstreamName.LOGISTICS)
    try:
        async with context.changing(TASK, [task_id]):
            message = await context.account.logistics.cancel_task(context.scope, task_id, reason)
    except NotAllowedNow as refusal:
        await add_record(context, refusal, context.loaders.of(TASK), task_id)
        raise
    # The upstream answers a cancellation with a message only.
    found = await _reread(context, task_id)
    if message is None and found.status is not TaskStatus.CANCELLED:
        raise not_shown(UpstreamName.LOGISTICS, "task", task_id, found)
    return found


async def broadcast(context: Context, task_ids: Sequence[str], key: IdempotencyKey | None = None) -> TasksOutcome:
    """Broadcast drafts; a task that the upstream does not report as changed was not a draft.

    Args:
        context: The operation's context.
        task_ids: The upstream's own ids.
        key: Broadcasts them once for all requests with this key.
    """

    async def send(chunk: Sequence[str]) -> list[UpdatedTask] | None:
        return await context.account.logistics.broadcast_drafts(context.scope, chunk)

    change = _ChangeOfSeveral[str](
        "broadcastLogisticsTasks", send, str, _not_broadcast, lambda _, found: found.status not in _NOT_BROADCAST
    )
    return await _change_several(context, task_ids, change, key)


async def broadcast_with_tracking(
    context: Context, items: Sequence[TrackingId], key: IdempotencyKey | None = None
) -> TasksOutcome:
    """Broadcast drafts, and set the tracking id of each that was broadcast; see `broadcast`."""

    async def send(chunk: Sequence[TrackingId]) -> list[UpdatedTask] | None:
        return await context.account.logistics.broadcast_with_tracking(context.scope, chunk)

    def shows(item: TrackingId, found: LogisticsTask) -> bool:
        return found.tracking_id == item.tracking_id and found.status not in _NOT_BROADCAST

    change = _ChangeOfSeveral("broadcastLogisticsTasksWithTracking", send, _task_of, _not_broadcast, shows)
    return await _change_several(context, items, change, key)


async def set_tracking_ids(context: Context, items: Sequence[TrackingId]) -> TasksOutcome:
    """Set the tracking ids of tasks; a task that the upstream does not report as changed does not exist."""

    async def send(chunk: Sequence[TrackingId]) -> list[UpdatedTask] | None:
        return await context.account.logistics.set_tracking_ids(context.scope, chunk)

    def shows(item: TrackingId, found: LogisticsTask) -> bool:
        return found.tracking_id == item.tracking_id

    return await _change_several(context, items, _ChangeOfSeveral("setTrackingIds", send, _task_of, _not_found, shows))


class _ChangeOfSeveral(msgspec.Struct, Generic[Item], frozen=True):
    """A change of several tasks; operation lifetime.

    Args:
        name: The mutation.
        send: Makes the change in one call and returns the changed tasks; None where the response does not name them.
        task_of: Returns the id of an item's task.
        left_out: Returns the error for a task that the upstream does not report as changed.
        shows: Returns whether a task shows the change of an item.
    """

    name: str
    send: Callable[[Sequence[Item]], Awaitable[list[UpdatedTask] | None]]
    task_of: Callable[[Item], str]
    left_out: Callable[[str], GatewayError]
    shows: Callable[[Item, LogisticsTask], bool]


async def _change_several(
    context: Context, items: Sequence[Item], change: _ChangeOfSeveral[Item], key: IdempotencyKey | None = None
) -> TasksOutcome:
    """Change tasks in calls of 20, and read the tasks again that were changed or may have been."""
    context.account.require_write(UpstreamName.LOGISTICS)
    task_ids = [change.task_of(item) for item in items]
    unsettled: dict[str, Item] = {}

    async def send(number: int, chunk: Sequence[Item]) -> Sequence[str]:
        made = await run.part(number, _request_of(context, chunk, change))
        if not made.named:
            unsettled.update((change.task_of(item), item) for item in chunk)
        return made.ids

    calls = ceil(len(items) / MAX_TASKS_A_CALL)
    async with context.once(key, (change.name, items), calls) as run, context.changing(TASK, task_ids):
        updated, failed = await by_chunks(items, send)
    # Tasks of a call whose response names none may have been changed, so they are read again.
    changed = {*updated, *unsettled}
    # A failed call has its own error, which stands for all its tasks.
    in_failed_calls = {task_id for start, _ in failed for task_id in task_ids[start : start + MAX_TASKS_A_CALL]}
    errors = [error for _, error in failed]
    errors += [change.left_out(one) for one in task_ids if one not in changed and one not in in_failed_calls]
    tasks, unread = await _reread_all(context, [one for one in task_ids if one in changed])
    hidden = {
        task.task_id: not_shown(UpstreamName.LOGISTICS, "task", task.task_id, task)
        for task in tasks
        if task.task_id in unsettled and not change.shows(unsettled[task.task_id], task)
    }
    return TasksOutcome([task for task in tasks if task.task_id not in hidden], [*errors, *unread, *hidden.values()])


def _request_of(context: Context, chunk: Sequence[Item], change: _ChangeOfSeveral[Item]) -> Request[None]:
    items = {change.task_of(item): item for item in chunk}
    already: list[str] = []

    async def send() -> Made[None]:
        updated = await change.send(chunk)
        # Whatever a request of unknown outcome broadcast is no draft any more, so that it is not reported again.
        return Made((*already, *(task.id for task in updated or ())), named=updated is not None)

    async def find(_: Window) -> Made[None] | Looked:
        shown, some_are_left = await find_broadcast_tasks(
            context, list(items), lambda i, one: change.shows(items[i], one)
        )
        already[:] = shown
        return Looked.ABSENT if some_are_left else Made(tuple(shown))

    return Request(UpstreamName.LOGISTICS, "the change", send, find, guarded=True)


async def _reread(context: Context, task_id: str) -> LogisticsTask:
    since = context.status_version
    found = await read_after_change(context, TASK, "task", context.loaders.of(TASK), task_id)
    await context.publish_status(since, found)
    return found


async def _reread_all(context: Context, task_ids: Sequence[str]) -> tuple[list[LogisticsTask], list[GatewayError]]:
    """Read tasks again; return those that could be read, and the errors of the others."""
    # Not `together`, which ends all at the first error: each task fails by itself.
    rereads = [_reread(context, task_id) for task_id in task_ids]
    results = await asyncio.gather(*rereads, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, GatewayError):
            raise result
    return (
        [result for result in results if isinstance(result, LogisticsTask)],
        [result for result in results if isinstance(result, GatewayError)],
    )


def _task_of(item: TrackingId) -> str:
    return item.id


def _not_named(named: int, sent: int) -> GatewayError:
    which, missing = ("none of them", "them") if named == 0 else (f"{named} of {sent}", "the others")
    return ChangeUnconfirmed(
        UpstreamName.LOGISTICS,
        f"The tasks were taken, but the upstream names {which}; look for {missing} before you send them again.",
    )


def _not_broadcast(task_id: str) -> GatewayError:
    return NotAllowedNow(
        UpstreamName.LOGISTICS, f"Task {task_id} was not broadcast: only an existing draft can be broadcast."
    )


def _not_found(task_id: str) -> GatewayError:
    message = f"There is no task {task_id} to give a tracking id to."
    return RecordMissing(UpstreamName.LOGISTICS, message, record_id=task_id)
