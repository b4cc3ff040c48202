"""The simulated logistics tasks: what is kept of each, what may be done to it, and the store that holds them all."""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice, takewhile
from typing import Any

from gateway.sandbox.logistics import vocabulary as words
from gateway.sandbox.logistics.errors import invalid_status, not_found
from gateway.sandbox.logistics.lifecycle import Journeys, StatusEvent, expiry
from gateway.sandbox.random_values import seeded_uuid

Fields = dict[str, Any]


@dataclass(slots=True)
class Task:
    """One task; lives in the store until the simulator ends.

    Attributes:
        id: A UUID.
        group: The UUID that the tasks of one create call share.
        fields: What the merchant gave, in the wire's names and forms.
        events: Every change of status, oldest first. Those after the present moment are planned and show only when the
            clock has reached them.
        edits: When its fields were changed.
    """

    id: str
    group: str
    fields: Fields
    events: tuple[StatusEvent, ...]
    edits: list[datetime] = field(default_factory=list)

    def so_far(self, now: datetime) -> tuple[StatusEvent, ...]:
        """The changes of status that have happened by `now`, oldest first; never empty."""
        return self.events[:1] + tuple(takewhile(lambda event: event.happened_at <= now, self.events[1:]))

    def status(self, now: datetime) -> str:
        """The status at `now`."""
        return self.so_far(now)[-1].status

    def updated_at(self, now: datetime) -> datetime:
        """When the task last changed, by an edit or by itself."""
        return max([self.so_far(now)[-1].happened_at, *self.edits])

    def version_rev(self, now: datetime) -> str:
        """The revision at `now`: the number of changes so far, a dash and eight hexadecimal digits."""
        number = len(self.so_far(now)) - 1 + len(self.edits)
        return f"{number}-{zlib.crc32(f'{self.id}/{number}'.encode()):08x}"

    def append(self, now: datetime, *events: StatusEvent) -> None:
        """Replace whatever was planned after `now` by `events`."""
        self.events = (*self.so_far(now), *events)


class TaskStore:
    """All tasks in the order of their creation; simulator lifetime.

    Args:
        seed: Decides the ids of new tasks.
        journeys: Plans what becomes of tasks that are broadcast.
    """

    def __init__(self, seed: int, journeys: Journeys) -> None:
        self._seed = seed
        self._journeys = journeys
        self._tasks: dict[str, Task] = {}
        self._groups = 0
        self._created = 0

    def __iter__(self) -> Iterator[Task]:
        return iter(self._tasks.values())

    def __len__(self) -> int:
        return len(self._tasks)

    def add(self, task: Task) -> None:
        """Take in a task that was made elsewhere.

        Args:
            task: Its id must be new.
        """
        self._tasks[task.id] = task

    def remove(self, task_id: str) -> None:
        """Forget a task."""
        del self._tasks[task_id]

    def create(self, drafts: list[Fields], now: datetime, *, broadcast: bool) -> list[Task]:
        """Make the tasks of one create call.

        Args:
            drafts: The checked fields of each.
            now: The moment of creation.
            broadcast: False leaves them drafts.

        Returns:
            The tasks, in the order of `drafts`.
        """
        self._groups += 1
        group = seeded_uuid(self._seed, "group", self._groups)
        return [self._create(fields, group, now, broadcast=broadcast) for fields in drafts]

    def _create(self, fields: Fields, group: str, now: datetime, *, broadcast: bool) -> Task:
        task_id = seeded_uuid(self._seed, "task", self._created)
        self._created += 1
        task = Task(task_id, group, fields, (StatusEvent(words.DRAFT, now),))
        if broadcast:
            task.events = self._broadcast_events(task, now)
        self.add(task)
        return task

    def find(self, task_id: str) -> Task:
        """The task with this id.

        Raises:
            Refused: 404, there is none.
        """
        task = self._tasks.get(task_id)
        if task is None:
            raise not_found("task", task_id)
        return task

    def get(self, task_id: str) -> Task | None:
        """The task with this id, or None."""
        return self._tasks.get(task_id)

    def page(self, page: int, per_page: int, *, descending: bool) -> list[Task]:
        """One page of the tasks by the time of their creation.

        Args:
            page: From 1.
            per_page: How many on each page.
            descending: The newest first.
        """
        ordered = reversed(self._tasks.values()) if descending else iter(self._tasks.values())
        first = (page - 1) * per_page
        return list(islice(ordered, first, first + per_page))

    def broadcast(self, task_id: str, now: datetime) -> Task | None:
        """Broadcast a draft.

        Returns:
            The task, or None where there is no such task or it is no draft any more.
        """
        task = self._tasks.get(task_id)
        if task is None or task.status(now) != words.DRAFT:
            return None
        task.append(now, *self._broadcast_events(task, now))
        return task

    def cancel(self, task: Task, reason: str, now: datetime) -> None:
        """Cancel a task that no driver has accepted.

        Raises:
            Refused: 422 `invalid_status`, it is in no status that can be cancelled.
        """
        status = task.status(now)
        if status not in words.CANCELLABLE:
            raise invalid_status(
                f"Task {task.id} is {status}; only a task that is still broadcasting can be cancelled."
            )
        task.append(now, StatusEvent(words.CANCELLED, now, reason))

    def edit(self, task: Task, changes: Mapping[str, Any], now: datetime) -> None:
        """Change fields of a task.

        Args:
            task: The task.
            changes: The checked fields, each replacing the one before it.
            now: The moment of the change.
        """
        task.fields = {**task.fields, **changes}
        task.edits.append(now)

    def _broadcast_events(self, task: Task, broadcast_at: datetime) -> tuple[StatusEvent, ...]:
        pickup_end = datetime.fromisoformat(task.fields["from_time_window"]["end_time_utc"])
        expires_at = expiry(task.fields["broadcast_preference"], pickup_end, broadcast_at)
        outcome = self._journeys.outcome(task.id)
        planned = self._journeys.plan(task.id, broadcast_at, expires_at, outcome)
        return (StatusEvent(words.BROADCASTING, broadcast_at), *planned)
