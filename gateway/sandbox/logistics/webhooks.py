"""Webhooks of the simulated logistics API: one for every change of a task's status, with faults on demand.

Theory of operation: the sender compares the events of every task with the number it has seen, and puts a webhook for
each new event into a queue ordered by due time. Faults are drawn at that point: a webhook may be dropped, duplicated or
delayed. Due webhooks may change places; then they are posted one after another. One without a 200 goes back into the
queue, up to `MAX_TRIES` posts.

The document describes the body, and that 200 acknowledges it. Assumed: `data` is the task after the change, `updates`
holds the changed fields, and a webhook without acknowledgement is sent again a few times.
"""

import heapq
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final

import orjson

from gateway.sandbox.clock import Clock
from gateway.sandbox.generated_records import seeded_random
from gateway.sandbox.logistics.lifecycle import StatusEvent
from gateway.sandbox.logistics.tasks import Task, TaskStore, task_document, wire_time

Post = Callable[[str, bytes], Awaitable[int | None]]
"""Posts JSON to a URL; returns the status of the response, or None without a response."""

Sleep = Callable[[float], Awaitable[None]]

MAX_TRIES: Final = 4
RETRY_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class WebhookFaults:
    """The faults of webhooks; the default is none.

    Attributes:
        duplicated: Share of webhooks, 0 to 1, that are sent twice.
        dropped: Share that is never sent.
        delayed: Share that is sent late.
        delay_seconds: The longest delay, in seconds of the clock. Later webhooks may overtake a delayed one.
        reordered: Share that changes places with the next due webhook.
        seed: Decides which webhooks are affected.
    """

    duplicated: float = 0.0
    dropped: float = 0.0
    delayed: float = 0.0
    delay_seconds: float = 30.0
    reordered: float = 0.0
    seed: int = 1


@dataclass(order=True, slots=True)
class Webhook:
    """One queued webhook; kept until it is acknowledged or was tried `MAX_TRIES` times.

    Attributes:
        send_at: When it is due.
        number: Orders webhooks that are due at the same time.
        body: The JSON to post.
        tries: How often it was posted.
    """

    send_at: datetime
    number: int
    body: dict[str, Any] = field(compare=False)
    tries: int = field(default=0, compare=False)


class WebhookSender:
    """Sends a webhook for each status change of a task; sandbox lifetime.

    It sends none for events before its construction, nor for the creation of a task.

    Args:
        tasks: The tasks to watch.
        clock: The sandbox's clock.
        url: The URL to post to.
        post: Posts one webhook.
        sleep: Waits for real seconds.
        faults: The faults; none by default.
    """

    def __init__(
        self,
        tasks: TaskStore,
        clock: Clock,
        url: str,
        *,
        post: Post,
        sleep: Sleep,
        faults: WebhookFaults | None = None,
    ) -> None:
        self._tasks = tasks
        self._clock = clock
        self._url = url
        self._post = post
        self._sleep = sleep
        self._faults = faults or WebhookFaults()
        self._chance = seeded_random(self._faults.seed, "webhooks")
        self._numbers = count()
        self._waiting: list[Webhook] = []
        self._seen = {task.id: len(task.so_far(clock.now())) for task in tasks}

    def due(self, now: datetime) -> list[Webhook]:
        """Remove the webhooks that are due by `now` from the queue, and return them in the order of sending.

        Args:
            now: The current time, not before that of the previous call.
        """
        # By time over all tasks, so that a jump of the clock sends them in the order of a clock that runs.
        for task, event in sorted(self._changes(now), key=lambda change: change[1].happened_at):
            self._schedule(webhook_body(task, event, now), now)
        ready = []
        while self._waiting and self._waiting[0].send_at <= now:
            ready.append(heapq.heappop(self._waiting))
        return self._reordered(ready)

    async def send_due(self) -> None:
        """Post the due webhooks one after another; queue those without acknowledgement again."""
        for webhook in self.due(self._clock.now()):
            status = await self._post(self._url, orjson.dumps(webhook.body))
            webhook.tries += 1
            # Not every 2xx: the document knows 200 as the acknowledgement.
            if status != 200 and webhook.tries < MAX_TRIES:
                # The document is silent on retries; a fixed interval is assumed.
                webhook.send_at = self._clock.now() + timedelta(seconds=RETRY_SECONDS)
                heapq.heappush(self._waiting, webhook)

    async def run(self, every_seconds: float = 0.25) -> None:
        """Send webhooks until cancelled.

        Args:
            every_seconds: The period in real seconds.
        """
        while True:
            await self.send_due()
            await self._sleep(every_seconds)

    def _changes(self, now: datetime) -> list[tuple[Task, StatusEvent]]:
        changes: list[tuple[Task, StatusEvent]] = []
        seen, self._seen = self._seen, {}
        for task in self._tasks:
            events = task.so_far(now)
            # The first event of a task that was not seen before is its creation, which sends no webhook.
            changes.extend((task, event) for event in events[seen.get(task.id, 1) :])
            self._seen[task.id] = len(events)
        return changes

    def _schedule(self, body: dict[str, Any], now: datetime) -> None:
        if self._chance.random() < self._faults.dropped:
            return
        copies = 2 if self._chance.random() < self._faults.duplicated else 1
        for _ in range(copies):
            late = self._chance.random() < self._faults.delayed
            delay = self._chance.uniform(0, self._faults.delay_seconds) if late else 0.0
            heapq.heappush(self._waiting, Webhook(now + timedelta(seconds=delay), next(self._numbers), body))

    def _reordered(self, webhooks: list[Webhook]) -> list[Webhook]:
        for at in range(len(webhooks) - 1):
            if self._chance.random() < self._faults.reordered:
                webhooks[at], webhooks[at + 1] = webhooks[at + 1], webhooks[at]
        return webhooks


def webhook_body(task: Task, event: StatusEvent, now: datetime) -> dict[str, Any]:
    """Return the JSON to post for a status change.

    Args:
        task: The task.
        event: The change; `data` shows the task at its time, even if there were later changes.
        now: The current time, for `timestamp`.
    """
    # Of two events of one instant, the document alone would show the later.
    document = {**task_document(task, event.happened_at), "current_status": event.status}
    updates = {name: document[name] for name in ("current_status", "statuses", "updated_at", "version_rev")}
    return {
        "type": "update",
        "model_name": "Task",
        "data": document,
        "updates": updates,
        "timestamp": wire_time(now),
    }
