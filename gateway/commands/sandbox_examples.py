"""Example operations of the IDE in the sandbox, with the ids of records that are in progress."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final, TypeAlias, TypeVar

from gateway.ide.page import Example
from gateway.sandbox.deliveries.records import SendTask
from gateway.sandbox.logistics.lifecycle import Status
from gateway.sandbox.logistics.tasks import Task
from gateway.sandbox.sms.records import SmsJob
from resolvers.ids import global_id

FOLLOW_ALL: Final = """\
# Deliveries, an SMS job with its recipients, and tasks, in
# one subscription. Some of them have yet to begin. Load the
# page again for others, once these are final.
subscription FollowAll($ids: [ID!]!) {
  statusChanged(ids: $ids) {
    kind
    previousRawStatus
    rawStatus
    progress
    source
    occurredAt
    node {
      __typename
      id
      final
    }
    problem {
      code
      message
      subjectId
    }
  }
}
"""

_TASKS: Final = 8
_OF_EACH: Final = 3
_RECIPIENTS: Final = 4
_APART: Final = timedelta(minutes=4)
"""The least time between the beginnings of two examples, so that a few ids cover a longer time."""

_Record = TypeVar("_Record")
ActivePeriod: TypeAlias = tuple[datetime, datetime]
"""When a record begins to progress, and when it is final."""


def sandbox_examples(
    send_tasks: Iterable[SendTask], open_jobs: Iterable[SmsJob], tasks: Iterable[Task], now: datetime
) -> list[Example]:
    """Return the IDE's example "Follow a task", and one that follows records of all three APIs.

    Args:
        send_tasks: All send-tasks of the simulator.
        open_jobs: The open SMS jobs of the simulator.
        tasks: All logistics tasks of the simulator.
        now: The current time in the sandbox.
    """
    deliveries = [global_id("Delivery", str(one.task_id)) for one in _in_progress(send_tasks, _period_of_delivery, now)]
    task_ids = [global_id("LogisticsTask", task.id) for task in _in_progress(tasks, _period_of_task, now)]
    jobs = sorted(open_jobs, key=lambda job: job.received_at)
    # The newest job, because it stays open the longest.
    ids = [*deliveries[:_OF_EACH], *(one for job in jobs[-1:] for one in _ids_of_job(job)), *task_ids[:_OF_EACH]]
    return [
        Example("Follow a task", variables={"ids": task_ids[:_TASKS]}),
        Example("Follow all three at once", query=FOLLOW_ALL, variables={"ids": ids}),
    ]


def _in_progress(
    records: Iterable[_Record], period_of: Callable[[_Record], ActivePeriod | None], now: datetime
) -> list[_Record]:
    """Return the record that began last and is in progress, then those that begin next, in order."""
    periods = [(period, record) for record in records if (period := period_of(record)) is not None and period[1] > now]
    periods.sort(key=lambda one: one[0])
    begun = sum(begins_at <= now for (begins_at, _), _ in periods)
    return list(_apart(periods[max(0, begun - 1) :]))


def _apart(periods: Iterable[tuple[ActivePeriod, _Record]]) -> Iterator[_Record]:
    last: datetime | None = None
    for (begins_at, _), record in periods:
        if last is None or begins_at - last >= _APART:
            last = begins_at
            yield record


def _period_of_delivery(task: SendTask) -> ActivePeriod | None:
    course = task.course
    # A status that a client has set does not move any more.
    if course is None or task.status_set is not None:
        return None
    return course.starts_at, course.finished_at


def _period_of_task(task: Task) -> ActivePeriod | None:
    begins_at = next((event.happened_at for event in task.events if event.status == Status.BROADCASTING), None)
    return None if begins_at is None else (begins_at, task.events[-1].happened_at)


def _ids_of_job(job: SmsJob) -> list[str]:
    recipients = [global_id("Recipient", f"{job.job_id}/{recipient.sms_id}") for recipient in job.recipients]
    return [global_id("SmsJob", job.job_id), *recipients[:_RECIPIENTS]]
