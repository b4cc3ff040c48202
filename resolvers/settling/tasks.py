"""Finds the logistics tasks that a request of unknown outcome created or broadcast.

Created tasks are found by their tracking ids in the list of tasks, the newest first; those without one cannot be
distinguished from others. Tasks that were to be broadcast are read by their ids.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from resolvers.context import Context
from resolvers.idempotency.outcomes import Looked, Made
from resolvers.idempotency.window import Window
from resolvers.kinds.logistics import TASK
from resolvers.unreadable import readable
from resolvers.upstreams.logistics.requests import NewTask
from resolvers.upstreams.logistics.task_records import LogisticsTask
from resolvers.upstreams.logistics.vocabulary import TaskStatus

PAGE_SIZE: Final = 200

MAX_PAGES: Final = 5
"""Calls for one look."""


async def find_created_tasks(
    context: Context, tasks: Sequence[NewTask], window: Window
) -> Made[LogisticsTask] | Looked:
    """Return the tasks that a request has created, all of them or none.

    Args:
        context: The operation's context.
        tasks: The tasks of the request.
        window: When the record was made.

    Raises:
        UpstreamError: The list could not be read.
    """
    wanted = [task.tracking_id for task in tasks]
    if None in wanted or len(set(wanted)) < len(wanted):
        return Looked.UNSURE
    listed, is_whole = await _listed_since(context, window)
    named = [task for task in listed if task.tracking_id in wanted and not _is_older(task, window)]
    if not named:
        return Looked.ABSENT if is_whole else Looked.UNSURE
    found = {task.tracking_id: task for task in named}
    if len(named) != len(wanted) or len(found) != len(wanted) or any(task.updated_at is None for task in named):
        return Looked.UNSURE
    records = tuple(found[tracking_id] for tracking_id in wanted)
    # Their absence may be cached, because who created them could not forget that.
    await context.forget(TASK, [task.task_id for task in records])
    return Made(tuple(task.task_id for task in records), records)


def _is_older(task: LogisticsTask, window: Window) -> bool:
    """Return whether a task was there before a window, by its history."""
    return any(one.occurred_at is not None and one.occurred_at < window.start for one in task.status_history)


async def find_broadcast_tasks(
    context: Context, task_ids: Sequence[str], shows: Callable[[str, LogisticsTask], bool]
) -> tuple[list[str], bool]:
    """Return the ids of the tasks that were broadcast, and whether others are drafts still.

    Args:
        context: The operation's context.
        task_ids: The upstream's own ids of the tasks of the request.
        shows: Returns whether a task, by its id and record, shows that it was broadcast.

    Raises:
        UpstreamError: A task could not be read.
    """
    read = await asyncio.gather(*(context.account.logistics.task(context.scope, task_id) for task_id in task_ids))
    found = {task_id: task for task_id, task in zip(task_ids, read, strict=True) if task is not None}
    shown = [task_id for task_id, task in found.items() if shows(task_id, task)]
    return shown, any(task.status is TaskStatus.DRAFT for task in found.values())


async def _listed_since(context: Context, window: Window) -> tuple[list[LogisticsTask], bool]:
    """Return the tasks that changed since the begin of a window, and whether these are all."""
    listed: list[LogisticsTask] = []
    for number in range(1, MAX_PAGES + 1):
        page = await context.account.logistics.tasks(context.scope, page=number, per_page=PAGE_SIZE, descending=True)
        records = readable(page.records)
        if len(records) < len(page.records):
            return listed, False
        # What has not changed since then was created before. No document says that a task has its time of creation.
        recent = [task for task in records if task.updated_at is None or task.updated_at >= window.start]
        listed += recent
        if len(records) < (page.per_page or PAGE_SIZE) or not recent:
            return listed, True
    return listed, False
