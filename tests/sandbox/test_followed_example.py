"""The IDE's example "Follow a task": whoever presses play must see something move."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from gateway.sandbox.clock import ManualClock
from gateway.sandbox.logistics import create_logistics
from gateway.sandbox_examples import sandbox_examples

DEFAULT_SPEED = 10
MINUTE = timedelta(minutes=1) * DEFAULT_SPEED


def test_in_the_first_four_minutes_the_followed_tasks_change_every_minute() -> None:
    clock = ManualClock(datetime.now(UTC))
    now, tasks = clock.now(), create_logistics(clock, seed=1).tasks

    (example,) = sandbox_examples(tasks, now)

    assert example.variables is not None
    ids = example.variables["ids"]
    assert isinstance(ids, list)
    followed = [task for task in tasks if f"LogisticsTask:{task.id}" in ids]
    changes = sorted(event.happened_at for task in followed for event in task.events)
    moments = [now, *(moment for moment in changes if now < moment < now + 4 * MINUTE), now + 4 * MINUTE]
    assert len(followed) == len(ids)
    assert all(later - earlier <= MINUTE for earlier, later in pairwise(moments))
