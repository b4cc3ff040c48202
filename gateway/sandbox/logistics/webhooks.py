"""The webhooks of the simulated logistics API: one for every change of a task's status, on purpose unreliable if asked.

The document says what is posted and that 200 acknowledges it. Assumed: `data` is the task as it is now, `updates` the
fields that the change touched, and a webhook that is not acknowledged is sent again a few times.
"""

import heapq
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final

import orjson

from gateway.sandbox.clock import Clock
from gateway.sandbox.logistics.documents import task_document, wire_time
from gateway.sandbox.logistics.lifecycle import StatusEvent
from gateway.sandbox.logistics.tasks import Task, TaskStore
from gateway.sandbox.random_values import seeded_random

Post = Callable[[str, bytes], Awaitable[int | None]]
"""Posts JSON to a URL; returns the status of the answer, or None where there was none."""

Sleep = Callable[[float], Awaitable[None]]

MAX_TRIES: Final = 4
RETRY_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class WebhookTroubles:
    """What goes wrong with webhooks; a value. Without arguments nothing does.

    Attributes:
        duplicated: Share of webhooks, 0 to 1, that are sent twice.
        dropped: Share that is never sent.
        delayed: Share that is sent late.
        delay_seconds: How late at most, in seconds of the clock. A delay lets later webhooks overtake.
        reordered: Share that changes places with the next one that is due at the same time.
        seed: Decides which.
    """

    duplicated: float = 0.0
    dropped: float = 0.0
    delayed: float = 0.0
    delay_seconds: float = 30.0
    reordered: float = 0.0
    seed: int = 1


@dataclass(order=True, slots=True)
class Webhook:
    """One webhook on its way; lives until it is acknowledged or given up.

    Attributes:
        send_at: When it is due.
        number: Orders those due at the same time.
        body: What is posted.
        tries: How often it was posted.
    """

    send_at: datetime
    number: int
    body: dict[str, Any] = field(compare=False)
    tries: int = field(default=0, compare=False)


class WebhookSender:
    """Turns what happens to tasks into webhooks; sandbox lifetime.

    Nothing is sent for what happened before it was made, nor for the creation of a task.

    Args:
        tasks: The tasks to watch.
        clock: What they move by.
        url: Where the webhooks go.
        post: Sends one.
        sleep: Waits for real seconds between two looks at the clock.
        troubles: What goes wrong; nothing by default.
    """

    def __init__(
        self,
        tasks: TaskStore,
        clock: Clock,
        url: str,
        *,
        post: Post,
        sleep: Sleep,
        troubles: WebhookTroubles | None = None,
    ) -> None:
        self._tasks = tasks
        self._clock = clock
        self._url = url
        self._post = post
        self._sleep = sleep
        self._troubles = troubles or WebhookTroubles()
        self._chance = seeded_random(self._troubles.seed, "webhooks")
        self._numbers = count()
        self._waiting: list[Webhook] = []
        self._seen = {task.id: len(task.so_far(clock.now())) for task in tasks}

    def due(self, now: datetime) -> list[Webhook]:
        """Take the webhooks that are to be sent by `now`, in the order of sending.

        Args:
            now: Not before that of the last call.
        """
        for task, event in sorted(self._changes(now), key=lambda change: change[1].happened_at):
            self._schedule(webhook_body(task, event, now), now)
        ready = []
        while self._waiting and self._waiting[0].send_at <= now:
            ready.append(heapq.heappop(self._waiting))
        return self._reordered(ready)

    async def send_due(self) -> None:
        """Send what is due now, one after another; what is not acknowledged is sent again later."""
        for webhook in self.due(self._clock.now()):
            status = await self._post(self._url, orjson.dumps(webhook.body))
            webhook.tries += 1
            if status != 200 and webhook.tries < MAX_TRIES:
                webhook.send_at = self._clock.now() + timedelta(seconds=RETRY_SECONDS)
                heapq.heappush(self._waiting, webhook)

    async def run(self, every_seconds: float = 0.25) -> None:
        """Send webhooks until cancelled.

        Args:
            every_seconds: Real seconds between two looks at the clock.
        """
        while True:
            await self.send_due()
            await self._sleep(every_seconds)

    def _changes(self, now: datetime) -> list[tuple[Task, StatusEvent]]:
        changes: list[tuple[Task, StatusEvent]] = []
        seen, self._seen = self._seen, {}
        for task in self._tasks:
            events = task.so_far(now)
            changes.extend((task, event) for event in events[seen.get(task.id, 1) :])
            self._seen[task.id] = len(events)
        return changes

    def _schedule(self, body: dict[str, Any], now: datetime) -> None:
        if self._chance.random() < self._troubles.dropped:
            return
        copies = 2 if self._chance.random() < self._troubles.duplicated else 1
        for _ in range(copies):
            late = self._chance.random() < self._troubles.delayed
            delay = self._chance.uniform(0, self._troubles.delay_seconds) if late else 0.0
            heapq.heappush(self._waiting, Webhook(now + timedelta(seconds=delay), next(self._numbers), body))

    def _reordered(self, webhooks: list[Webhook]) -> list[Webhook]:
        for at in range(len(webhooks) - 1):
            if self._chance.random() < self._troubles.reordered:
                webhooks[at], webhooks[at + 1] = webhooks[at + 1], webhooks[at]
        return webhooks


def webhook_body(task: Task, event: StatusEvent, now: datetime) -> dict[str, Any]:
    """What is posted when the status of a task has changed.

    Args:
        task: The task.
        event: The change; `data.current_status` is that of the change, even if there was another one since.
        now: The time of the server.
    """
    document = {**task_document(task, event.happened_at), "current_status": event.status}
    updates = {name: document[name] for name in ("current_status", "statuses", "updated_at", "version_rev")}
    return {
        "type": "update",
        "model_name": "Task",
        "data": document,
        "updates": updates,
        "timestamp": wire_time(now),
    }
