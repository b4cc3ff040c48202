"""The filters of lists of tasks, which the gateway applies itself: the vendor's Task List has none."""

from datetime import datetime
from typing import Final

import msgspec

from resolvers.upstreams.logistics.task_records import LogisticsTask
from resolvers.upstreams.logistics.vocabulary import TaskStatus


class TaskFilters(msgspec.Struct, frozen=True, omit_defaults=True):
    """The filters of a list of tasks, which the gateway applies itself; those that are None match every task.

    Args:
        statuses: The statuses, in the order of their names.
        tracking_id: The sender's id.
        group_tag: The sender's tag.
        organization_id: The upstream's own id of the organization.
        pickup_from: The pickup begins then or later.
        pickup_to: The pickup begins then or before.
        updated_from: The task last changed then or later.
        updated_to: The task last changed then or before.
    """

    statuses: tuple[TaskStatus, ...] | None = None
    tracking_id: str | None = None
    group_tag: str | None = None
    organization_id: str | None = None
    pickup_from: datetime | None = None
    pickup_to: datetime | None = None
    updated_from: datetime | None = None
    updated_to: datetime | None = None

    def match(self, task: LogisticsTask) -> bool:
        """Return whether a task passes all filters; one without a value does not pass its filter."""
        return (
            (self.statuses is None or task.status in self.statuses)
            and self.tracking_id in {None, task.tracking_id}
            and self.group_tag in {None, task.group_tag}
            and self.organization_id in {None, task.organization_id}
            and _between(self.pickup_from, _pickup_of(task), self.pickup_to)
            and _between(self.updated_from, task.updated_at, self.updated_to)
        )


EVERY_TASK: Final = TaskFilters()


def _pickup_of(task: LogisticsTask) -> datetime | None:
    return None if task.from_time_window is None else task.from_time_window.start


def _between(earliest: datetime | None, time: datetime | None, latest: datetime | None) -> bool:
    if earliest is None and latest is None:
        return True
    return time is not None and (earliest is None or earliest <= time) and (latest is None or time <= latest)
