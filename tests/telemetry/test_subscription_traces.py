"""The traces that a collector gets of subscriptions and their events."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from resolvers.events.pending_reads import calls_about
from resolvers.upstreams.call import CallTrace
from resolvers.upstreams.names import UpstreamName
from tests.events.test_over_the_wire import FOLLOW, PATH, QUIET, Followed, body_about, move, task_in
from tests.subscriptions.stream_client import SSE, Answer
from tests.telemetry.collector import Collector, KeptSpan
from tests.telemetry.test_traces import NOT_SAMPLED, PARENT_ID, SAMPLED, TRACE_ID, TracedWorld
from tests.world import World

PROPAGATED = {**QUIET, "GATEWAY_DELIVERIES__PROPAGATE_TRACES": "true"}
WITH_PRODUCT = (
    "subscription($ids: [ID!]!) { statusChanged(ids: $ids) { node { ... on Delivery { id product { name } } } } }"
)


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> TracedWorld:
    return TracedWorld(monkeypatch)


@asynccontextmanager
async def following(world: World, ids: list[str], query: str = FOLLOW, **headers: str) -> AsyncIterator[Followed]:
    named = {"accept": SSE, **{name.replace("_", "-"): value for name, value in headers.items()}}
    request = {"query": query, "variables": {"ids": ids}}
    async with world.client.stream("POST", f"{world.url}/graphql", json=request, headers=named) as response:
        yield Followed(Answer(response))


async def change_by_webhook(world: World, headers: Mapping[str, str]) -> None:
    task = task_in(world, "broadcasting")
    async with following(world, [f"LogisticsTask:{task.id}"], **headers) as followed:
        await followed.status()
        move(world, task, "accepted")
        await world.client.post(world.url + PATH, json=body_about(task))
        assert (await followed.status())["source"] == "WEBHOOK"
        # A span ends once the response has been handed over, which the client may see first.
        await asyncio.sleep(0.2)


def events_in(collector: Collector) -> dict[str, KeptSpan]:
    events = [span for span in collector.spans if span.name == "graphql subscription event"]
    return {span.attributes["gateway.event.kind"]: span for span in events}


async def test_a_subscription_has_spans_of_its_start_and_of_each_event(traced: TracedWorld) -> None:
    async with traced.running(QUIET) as world:
        await change_by_webhook(world, {"traceparent": SAMPLED})

    start = traced.collector.named("graphql subscription")
    events = events_in(traced.collector)
    assert (start.trace_id, start.parent_id) == (TRACE_ID, PARENT_ID)
    assert start.attributes["graphql.operation.type"] == "subscription"
    assert any(name.startswith("GET ") for name in traced.collector.below(start))
    assert set(events) == {"SNAPSHOT", "CHANGE"}
    assert {event.parent_id for event in events.values()} == {start.span_id}
    assert "gateway.event.source" not in events["SNAPSHOT"].attributes
    assert start.ended < events["CHANGE"].began


async def test_the_span_of_a_change_begins_with_the_webhook_and_has_the_read_that_found_it(traced: TracedWorld) -> None:
    async with traced.running(QUIET) as world:
        await change_by_webhook(world, {})

    change = events_in(traced.collector)["CHANGE"]
    (read,) = [span for span in traced.collector.spans if span.parent_id == change.span_id]
    assert change.attributes["gateway.event.source"] == "WEBHOOK"
    assert read.name.startswith("GET ")
    assert read.attributes["http.response.status_code"] == 200
    # The begin of the event is of the wall clock, those of calls are of the event loop's.
    assert change.began - 10_000_000 <= read.began < read.ended <= change.ended


async def test_no_span_of_a_subscription_holds_an_id(traced: TracedWorld) -> None:
    async with traced.running(QUIET) as world:
        task_id = task_in(world, "broadcasting").id
        await change_by_webhook(world, {})

    text = repr(traced.collector.spans)
    assert "graphql subscription event" in text
    assert not re.search(re.escape(task_id), text)


async def test_a_subscription_whose_trace_is_not_kept_has_no_spans(traced: TracedWorld) -> None:
    async with traced.running(QUIET) as world:
        await change_by_webhook(world, {"traceparent": NOT_SAMPLED})

    assert traced.collector.spans == []


async def test_a_subscription_that_is_refused_says_with_which_codes(traced: TracedWorld) -> None:
    async with traced.running(QUIET) as world, following(world, []) as followed:
        await followed.next()

    start = traced.collector.named("graphql subscription")
    assert (start.failed, start.attributes["error.type"]) == (True, "BAD_INPUT")


async def test_calls_of_a_subscription_carry_its_trace_and_the_id_of_its_request(traced: TracedWorld) -> None:
    async with (
        traced.running(PROPAGATED) as world,
        following(world, ["Delivery:1"], WITH_PRODUCT, traceparent=SAMPLED, x_request_id="request-1") as followed,
    ):
        await followed.next()
        requests = [one for one in world.deliveries.requests if one.path != "/oauth/token"]
        await asyncio.sleep(0.2)

    start, event = traced.collector.named("graphql subscription"), traced.collector.named("graphql subscription event")
    calls = {span.span_id: span for span in traced.collector.spans}
    assert len(requests) == 2
    assert {one.headers["x-request-id"] for one in requests} == {"request-1"}
    carried = [one.headers["traceparent"].split("-") for one in requests]
    assert {trace_id for _, trace_id, _, _ in carried} == {TRACE_ID}
    assert [calls[span_id].parent_id for _, _, span_id, _ in carried] == [start.span_id, event.span_id]


def test_the_calls_of_one_record_are_known_among_those_of_others() -> None:
    def call(target: str) -> CallTrace:
        return CallTrace(UpstreamName.DELIVERIES, "GET", target, 200, 1.0, "miss", 1)

    about = [call("http://api/send-tasks/1"), call("http://api/send-tasks?ids=12,1,3")]
    others = [call("http://api/send-tasks/12"), call("http://api/send-tasks?ids=21,3")]

    assert list(calls_about("1", [*about, *others])) == about
