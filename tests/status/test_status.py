"""What the status says about a gateway over simulators."""

import asyncio
import base64
import json
from typing import Any, Final

import httpx
import pytest

from gateway.sandbox.faults import FaultSettings
from gateway.status.endpoint import MAX_STREAMS
from tests.secrets import planted
from tests.status.conftest import KEY, OPERATOR, SETTINGS
from tests.world import UNCACHED, World, running_world

HTML: Final = {"accept": "text/html"}
BY_ID: Final = "query OneDelivery($id: ID!) { delivery(id: $id) { status } }"


async def status_of(world: World) -> Any:  # noqa: ANN401 - JSON
    answer = await world.client.get(f"{world.url}/status", auth=OPERATOR)
    assert answer.status_code == 200, answer.text
    return answer.json()


def upstream(status: Any, name: str) -> Any:  # noqa: ANN401 - JSON
    return next(one for one in status["upstreams"] if one["name"] == name)


async def test_calls_are_counted_by_upstream_and_outcome(world: World) -> None:
    await world.ask("{ deliveries(first: 2) { nodes { id } } }")
    await world.ask('{ delivery(id: "999999") { id } }')

    status = await status_of(world)

    found = upstream(status, "DELIVERIES")
    assert found["state"] == "up"
    assert found["outcomes"].keys() == {"200", "404"}
    assert found["failure_ratio"] == 0
    assert found["calls"]["p95_ms"] >= found["calls"]["p50_ms"] > 0
    assert found["addresses"][0]["connections"] >= 1
    assert upstream(status, "SMS")["state"] == "unasked"
    assert status["state"] == "up"
    assert status["callers"][0]["name"] == "anonymous"
    kinds = {kind["name"]: kind for kind in status["cache"]["kinds"]}
    assert kinds["delivery"]["entries"] >= 2
    assert kinds["delivery"]["reads_per_minute"] > 0
    assert status["redis"]["state"] == "none"


async def test_an_upstream_that_fails_is_down_and_one_that_limits_says_for_how_long(world: World) -> None:
    world.deliveries.faults.settings = FaultSettings(outage="503")
    world.logistics.faults.settings = FaultSettings(rate_limited=True, retry_after_seconds=30)
    for number in range(12):
        await world.ask(BY_ID, {"id": str(number + 1)})
    await world.ask("{ logisticsTasks(first: 1) { nodes { taskId } } }")

    status = await status_of(world)

    down, limited = upstream(status, "DELIVERIES"), upstream(status, "LOGISTICS")
    assert (down["state"], limited["state"], status["state"]) == ("down", "limited", "down")
    assert down["failure_ratio"] == 1
    assert down["addresses"][0]["breaker"]["workers"] == 1
    assert down["addresses"][0]["breaker"]["probe_in_seconds"] <= 1
    assert down["addresses"][0]["last_error"]["code"] == "UPSTREAM_UNAVAILABLE"
    assert 25 < limited["addresses"][0]["rate_limit"]["closed_seconds"] <= 30
    messages = [problem["message"] for problem in status["problems"]]
    assert messages == ["DELIVERIES is down", "LOGISTICS limits the rate of calls"]


async def test_operations_that_failed_or_were_slow_are_listed_once_each(world: World) -> None:
    world.sms.primary.faults.settings = FaultSettings(latency_seconds=0.25)
    world.deliveries.faults.settings = FaultSettings(error_rate=1, error_status=500)
    await world.ask("query SlowJobs { smsJobs(first: 1) { nodes { jobId } } }")
    for number in range(3):
        await world.ask(BY_ID, {"id": str(number + 1)})
    await world.ask("query Unknown { nothing }")

    operations = {one["operation"] or "none": one for one in (await status_of(world))["slow_operations"]}

    assert operations["SlowJobs"]["outcome"] == "success"
    assert operations["SlowJobs"]["max_ms"] >= 250
    assert operations["SlowJobs"]["calls"] == {"SMS": 1}
    assert operations["OneDelivery"]["count"] == 3
    assert operations["OneDelivery"]["codes"] == ["UPSTREAM_UNAVAILABLE"]
    assert len(operations["OneDelivery"]["document"]) == 64
    assert operations["none"]["outcome"] == "refused"
    assert all(one["caller"] == "anonymous" for one in operations.values())


async def test_slow_operations_are_listed_with_the_log_off_as_well() -> None:
    async with running_world({**SETTINGS, "GATEWAY_LOG__OPERATIONS": "false"}) as world:
        await world.ask("query Unknown { nothing }")

        assert [one["outcome"] for one in (await status_of(world))["slow_operations"]] == ["refused"]


async def test_neither_secrets_nor_variables_nor_ids_are_shown() -> None:
    hidden = {"literal": "31415926", "variable": "27182818", "text": "planted-text-of-an-sms"}
    async with running_world({**SETTINGS, **UNCACHED}) as world:
        world.deliveries.faults.settings = FaultSettings(error_rate=1)
        await world.ask(f'query Literal {{ delivery(id: "{hidden["literal"]}") {{ id }} }}')
        await world.ask(BY_ID, {"id": hidden["variable"]})
        text = f'{{ messages: [{{ text: "{hidden["text"]}", recipients: [] }}] }}'
        await world.ask(f"mutation Send {{ sendSms(input: {text}) {{ errors {{ message }} }} }}")
        tasks = (await world.ask("{ logisticsTasks(first: 3) { nodes { taskId } } }")).data["logisticsTasks"]["nodes"]
        await world.ask(f'{{ logisticsTask(id: "{tasks[0]["taskId"]}") {{ nothing }} }}')
        texts = [
            (await world.client.get(f"{world.url}/status", auth=OPERATOR)).text,
            (await world.client.get(f"{world.url}/status", auth=OPERATOR, headers=HTML)).text,
            *[await first_event(world, form) for form in ("", "page")],
        ]

    assert all("OneDelivery" in one and "Literal" in one for one in texts)
    secrets = [KEY, base64.b64encode(f"operator:{KEY}".encode()).decode(), *planted(), *hidden.values()]
    secrets += [task["taskId"] for task in tasks]
    assert [secret for secret in secrets for one in texts if secret in one] == []


async def first_event(world: World, form: str = "") -> str:
    url = f"{world.url}/status/events"
    async with world.client.stream("GET", url, params={"form": form}, auth=OPERATOR) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        return await anext(line async for line in stream.aiter_lines() if line.startswith("data: "))


async def test_names_that_clients_choose_cannot_become_html(world: World) -> None:
    await world.ask(BY_ID, {"id": "1"}, headers={"x-api-key": "<b>nobody"})
    body = {"documentId": "<script>alert(1)</script>"}
    await world.client.post(f"{world.url}/graphql", json=body)

    page = (await world.client.get(f"{world.url}/status", auth=OPERATOR, headers=HTML)).text

    assert "<script>" not in page
    assert "&lt;script" in page


async def test_a_stream_has_the_document_again_and_again_and_shows_what_changed(world: World) -> None:
    url = f"{world.url}/status/events"
    async with asyncio.timeout(20), world.client.stream("GET", url, auth=OPERATOR) as stream:
        events = (json.loads(line[6:]) async for line in stream.aiter_lines() if line.startswith("data: "))
        first = await anext(events)
        world.deliveries.faults.settings = FaultSettings(outage="refuse")
        for number in range(12):
            await world.ask(BY_ID, {"id": str(number + 1)})
        second = await anext(events)

    assert (first["state"], second["state"]) == ("up", "down")
    assert first.keys() == second.keys() == (await status_of(world)).keys()


async def test_streams_are_bounded_and_their_places_are_free_again(world: World) -> None:
    url = f"{world.url}/status/events"
    async with httpx.AsyncClient(trust_env=False, auth=OPERATOR) as client:
        requests = [client.build_request("GET", url) for _ in range(MAX_STREAMS)]
        opened = [await client.send(request, stream=True) for request in requests]
        refused = await client.get(url)
        for one in opened:
            await one.aclose()
        async with asyncio.timeout(20):
            while (again := await client.send(client.build_request("GET", url), stream=True)).status_code != 200:
                await again.aclose()
                await asyncio.sleep(0.05)
        await again.aclose()

    assert [one.status_code for one in opened] == [200] * MAX_STREAMS
    assert refused.status_code == 429


@pytest.mark.parametrize("calls", ["100"])
async def test_a_caller_is_shown_with_what_is_left_of_its_budget(calls: str) -> None:
    async with running_world({**SETTINGS, "GATEWAY_AUTH__CALLS_PER_MINUTE": calls}) as world:
        await world.ask("{ deliveries(first: 2) { nodes { id } } }")
        (caller,) = (await status_of(world))["callers"]

    assert caller["budget"] == 100
    assert 90 <= caller["budget_left"] < 100


async def test_subscribers_and_what_is_polled_for_them_are_counted(world: World) -> None:
    (first, second) = (await world.ask("{ deliveries(first: 2, filter: {status: PENDING}) { nodes { id } } }")).data[
        "deliveries"
    ]["nodes"]
    query = f'subscription {{ statusChanged(ids: ["{first["id"]}", "{second["id"]}"]) {{ kind }} }}'
    url, headers = f"{world.url}/graphql", {"accept": "text/event-stream"}
    found: Any = {"polled_records": 0}
    async with asyncio.timeout(20), world.client.stream("POST", url, json={"query": query}, headers=headers) as stream:
        assert stream.status_code == 200, await stream.aread()
        while found["polled_records"] < 2:
            # A document is kept for a second.
            await asyncio.sleep(0.5)
            found = (await status_of(world))["subscriptions"]

    assert found == {"open_connections": 1, "followed_records": 2, "polled_records": 2, "polling_leases": 1}
