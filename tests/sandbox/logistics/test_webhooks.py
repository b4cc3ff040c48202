"""Webhooks: one for each status change, in order, unless faults are configured."""

import asyncio
from collections import Counter
from typing import Any

import orjson
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.sandbox.clock import ManualClock
from gateway.sandbox.logistics.simulator import create_logistics
from gateway.sandbox.logistics.webhooks import MAX_TRIES, RETRY_SECONDS, WebhookFaults, WebhookSender
from gateway.sandbox.options import LogisticsOptions
from tests.sandbox.connection import connected
from tests.sandbox.logistics.server import NOON, logistics_server

HOUR = 3600.0


async def no_post(url: str, body: bytes) -> int:
    raise AssertionError(f"nothing was to be sent to {url}: {body!r}")


async def no_sleep(seconds: float) -> None:
    raise AssertionError(f"nobody was to wait {seconds} s")


def sender(clock: ManualClock, **faults: float) -> WebhookSender:
    simulator = create_logistics(clock, options=LogisticsOptions(failing_share=0))
    return WebhookSender(
        simulator.tasks,
        clock,
        "http://127.0.0.1:9/",
        post=no_post,
        sleep=no_sleep,
        faults=WebhookFaults(**faults),  # type: ignore[arg-type] # the seed is an int; these are all shares
    )


def collected(clock: ManualClock, webhooks: WebhookSender, *, seconds: float = HOUR, step: float = 5) -> list[Any]:
    bodies = []
    for _ in range(int(seconds / step)):
        clock.advance(step)
        bodies += [webhook.body for webhook in webhooks.due(clock.now())]
    return bodies


def changes(bodies: list[Any]) -> list[tuple[str, str]]:
    return [(body["data"]["id"], body["data"]["current_status"]) for body in bodies]


def test_tasks_that_arrive_are_told_of_from_their_broadcast_on() -> None:
    clock = ManualClock(NOON)
    simulator = create_logistics(clock)
    simulator.arrivals.catch_up(NOON)
    webhooks = WebhookSender(simulator.tasks, clock, "", post=no_post, sleep=no_sleep)
    there = {task.id for task in simulator.tasks}
    bodies = []
    for _ in range(int(6 * HOUR / 60)):
        clock.advance(60)
        simulator.arrivals.catch_up(clock.now())
        bodies += [webhook.body for webhook in webhooks.due(clock.now())]

    arrived = [task for task in simulator.tasks if task.id not in there]
    told = Counter(task_id for task_id, _ in changes(bodies))

    assert len(arrived) == 36
    assert {task.id: len(task.so_far(clock.now())) - 1 for task in arrived} == {
        task.id: told[task.id] for task in arrived
    }


def test_nothing_is_sent_for_what_happened_before() -> None:
    webhooks = sender(ManualClock(NOON))

    assert webhooks.due(NOON) == []


def test_every_change_is_sent_once_and_in_order() -> None:
    clock = ManualClock(NOON)
    simulator = create_logistics(clock, options=LogisticsOptions(failing_share=0))
    webhooks = WebhookSender(simulator.tasks, clock, "", post=no_post, sleep=no_sleep)
    before = {task.id: len(task.so_far(NOON)) for task in simulator.tasks}

    sent = changes(collected(clock, webhooks))

    happened = {
        task.id: [event.status for event in task.so_far(clock.now())[before[task.id] :]] for task in simulator.tasks
    }
    assert len(sent) > 100
    for task_id, statuses in happened.items():
        assert [status for sent_id, status in sent if sent_id == task_id] == statuses


def test_one_late_look_finds_every_change_on_the_way() -> None:
    often, once = ManualClock(NOON), ManualClock(NOON)

    in_steps = changes(collected(often, sender(often)))
    at_once = changes(collected(once, sender(once), step=HOUR))

    assert sorted(at_once) == sorted(in_steps)
    assert in_steps


def test_a_webhook_has_the_document_s_shape() -> None:
    clock = ManualClock(NOON)

    body = collected(clock, sender(clock))[0]

    assert body.keys() == {"type", "model_name", "data", "updates", "timestamp"}
    assert (body["type"], body["model_name"]) == ("update", "Task")
    assert body["data"].keys() >= {"id", "tracking_id", "current_status"}
    assert body["updates"]["current_status"] == body["data"]["current_status"]
    assert body["timestamp"].startswith("2024-05-06T12:")


async def test_what_callers_do_is_sent_too_but_not_a_creation() -> None:
    async with logistics_server() as api:
        webhooks = WebhookSender(api.simulator.tasks, api.clock, "", post=no_post, sleep=no_sleep)
        draft = (await api.tasks("draft"))[0]["id"]
        created = (await api.create())["id"]
        await api.http.post("/platform/tasks/broadcast", json={"task_ids": [draft]})
        await api.http.patch(f"/tasks/{draft}/cancel", json={"reason": "Ordered twice"})

        sent = [webhook.body for webhook in webhooks.due(api.clock.now())]

    assert changes(sent) == [(draft, "broadcasting"), (draft, "cancelled")]
    assert created not in {task_id for task_id, _ in changes(sent)}


def test_duplicates_are_sent_twice_each() -> None:
    clock, plain = ManualClock(NOON), ManualClock(NOON)

    sent = Counter(changes(collected(clock, sender(clock, duplicated=1))))

    assert sent.keys() == set(changes(collected(plain, sender(plain))))
    assert set(sent.values()) == {2}


def test_dropped_webhooks_never_come_and_which_follows_from_the_seed() -> None:
    clocks = [ManualClock(NOON) for _ in range(4)]
    every = changes(collected(clocks[0], sender(clocks[0])))

    first = changes(collected(clocks[1], sender(clocks[1], dropped=0.5)))
    same = changes(collected(clocks[2], sender(clocks[2], dropped=0.5)))
    none = changes(collected(clocks[3], sender(clocks[3], dropped=1)))

    assert first == same
    assert 0 < len(first) < len(every)
    assert set(first) < set(every)
    assert none == []


@pytest.mark.parametrize("trouble", ["delayed", "reordered"])
def test_delays_and_reordering_lose_nothing_but_the_order(trouble: str) -> None:
    clock, plain = ManualClock(NOON), ManualClock(NOON)
    webhooks = sender(clock, **{trouble: 0.5, "delay_seconds": 600})
    expected = changes(collected(plain, sender(plain), step=60))

    sent = changes(collected(clock, webhooks, step=60))
    clock.advance(600)
    sent += [change for change in changes([w.body for w in webhooks.due(clock.now())]) if change in expected]

    assert sent != expected
    assert Counter(sent) == Counter(expected)


async def test_webhooks_are_posted_over_http_until_they_are_acknowledged() -> None:
    received: list[dict[str, Any]] = []
    answers = iter([503, 500, *[200] * 1000])

    async def hook(request: Request) -> Response:
        received.append(orjson.loads(await request.body()))
        return Response(status_code=next(answers))

    hooks = Starlette(routes=[Route("/hook", hook, methods=["POST"])])
    async with logistics_server() as api, connected(hooks) as http:

        async def post(url: str, body: bytes) -> int:
            return (await http.post(url, content=body)).status_code

        webhooks = WebhookSender(api.simulator.tasks, api.clock, "/hook", post=post, sleep=no_sleep)
        task = await api.create()
        await api.http.patch(f"/tasks/{task['id']}/cancel", json={"reason": "Ordered twice"})
        for _ in range(4):
            await webhooks.send_due()
            api.clock.advance(RETRY_SECONDS)

    mine = [change for change in changes(received) if change[0] == task["id"]]
    assert mine == [(task["id"], "cancelled")] * 3


async def test_a_webhook_that_nobody_takes_is_given_up() -> None:
    tried = []

    async def post(_: str, body: bytes) -> None:
        tried.append(orjson.loads(body)["data"]["id"])

    async with logistics_server() as api:
        webhooks = WebhookSender(api.simulator.tasks, api.clock, "", post=post, sleep=no_sleep)
        task = await api.create()
        await api.http.patch(f"/tasks/{task['id']}/cancel", json={"reason": "Ordered twice"})
        for _ in range(2 * MAX_TRIES):
            await webhooks.send_due()
            api.clock.advance(RETRY_SECONDS)

    assert tried.count(task["id"]) == MAX_TRIES


async def test_the_loop_looks_at_the_clock_again_after_each_sleep() -> None:
    clock = ManualClock(NOON)
    simulator = create_logistics(clock)
    sent: list[bytes] = []
    slept: list[float] = []

    async def post(_: str, body: bytes) -> int:
        sent.append(body)
        return 200

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.advance(600)
        if len(slept) == 3:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await WebhookSender(simulator.tasks, clock, "", post=post, sleep=sleep).run(0.5)

    assert slept == [0.5, 0.5, 0.5]
    assert sent
