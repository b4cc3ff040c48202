"""What the IDE opens over the sandbox beside its own examples."""

from datetime import datetime
from typing import Final

from gateway.ide.page import Example
from gateway.sandbox.logistics_tasks import Task, TaskStore
from resolvers.ids import global_id

_FOLLOWED: Final = 3


def sandbox_examples(tasks: TaskStore, now: datetime) -> list[Example]:
    """Fill the IDE's example "Follow a task" with those tasks whose statuses change next.

    Args:
        tasks: All of the simulated logistics API's.
        now: The time in the sandbox.
    """
    moving = sorted((moment, task.id) for task in tasks if (moment := _next_change(task, now)) is not None)
    ids = [global_id("LogisticsTask", task_id) for _, task_id in moving[:_FOLLOWED]]
    return [Example("Follow a task", variables={"ids": ids})]


def _next_change(task: Task, now: datetime) -> datetime | None:
    return next((event.happened_at for event in task.events if event.happened_at > now), None)
