"""What the IDE opens over the sandbox beside its own examples: ids of things that move when the page is loaded."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final, TypeAlias, TypeVar

from gateway.ide.page import Example
from gateway.sandbox.deliveries.records import SendTask
from gateway.sandbox.logistics.tasks import Task
from gateway.sandbox.logistics.vocabulary import BROADCASTING
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
"""What begins sooner after another one is left out: a few ids are to last."""

_Record = TypeVar("_Record")
Life: TypeAlias = tuple[datetime, datetime]
"""When something begins to move, and when it stops."""


def sandbox_examples(
    send_tasks: Iterable[SendTask], open_jobs: Iterable[SmsJob], tasks: Iterable[Task], now: datetime
) -> list[Example]:
    """Make the IDE's example "Follow a task", and one that follows things of all three APIs, point to what moves.

    Args:
        send_tasks: All of the simulated send-tasks API's.
        open_jobs: Of the simulated SMS service.
        tasks: All of the simulated logistics API's.
        now: The time in the sandbox.
    """
    deliveries = [global_id("Delivery", str(one.task_id)) for one in _moving(send_tasks, _life_of_delivery, now)]
    task_ids = [global_id("LogisticsTask", task.id) for task in _moving(tasks, _life_of_task, now)]
    jobs = sorted(open_jobs, key=lambda job: job.received_at)
    ids = [*deliveries[:_OF_EACH], *(one for job in jobs[-1:] for one in _ids_of_job(job)), *task_ids[:_OF_EACH]]
    return [
        Example("Follow a task", variables={"ids": task_ids[:_TASKS]}),
        Example("Follow all three at once", query=FOLLOW_ALL, variables={"ids": ids}),
    ]


def _moving(records: Iterable[_Record], life_of: Callable[[_Record], Life | None], now: datetime) -> list[_Record]:
    """What moves for the longest from now on: the last that has begun, then those that begin next, in their order."""
    lives = [(life, record) for record in records if (life := life_of(record)) is not None and life[1] > now]
    lives.sort(key=lambda one: one[0])
    begun = sum(begins_at <= now for (begins_at, _), _ in lives)
    return list(_apart(lives[max(0, begun - 1) :]))


def _apart(lives: Iterable[tuple[Life, _Record]]) -> Iterator[_Record]:
    last: datetime | None = None
    for (begins_at, _), record in lives:
        if last is None or begins_at - last >= _APART:
            last = begins_at
            yield record


def _life_of_delivery(task: SendTask) -> Life | None:
    course = task.course
    if course is None or task.status_set is not None:
        return None
    return course.starts_at, course.finished_at


def _life_of_task(task: Task) -> Life | None:
    begins_at = next((event.happened_at for event in task.events if event.status == BROADCASTING), None)
    return None if begins_at is None else (begins_at, task.events[-1].happened_at)


def _ids_of_job(job: SmsJob) -> list[str]:
    recipients = [global_id("Recipient", f"{job.job_id}/{recipient.sms_id}") for recipient in job.recipients]
    return [global_id("SmsJob", job.job_id), *recipients[:_RECIPIENTS]]
