"""The traces that a collector gets of a whole gateway."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.commands.sandbox import sandbox_environment
from gateway.sandbox.faults import FaultSettings
from gateway.sandbox.request_log import RecordedRequest
from gateway.sandbox.server import serving
from gateway.telemetry.sampling import Sampling
from tests.telemetry.collector import Collector
from tests.world import UNCACHED, World, running_world

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT_ID = "b7ad6b7169203331"
SAMPLED = f"00-{TRACE_ID}-{PARENT_ID}-01"
NOT_SAMPLED = f"00-{TRACE_ID}-{PARENT_ID}-00"
DELIVERY = '{ delivery(id: "1") { id } }'
CACHED = dict.fromkeys(UNCACHED, "true")
MALFORMED = (
    "",
    "nonsense",
    SAMPLED[:-1],
    f"{SAMPLED}-more",
    f"ff{SAMPLED[2:]}",
    SAMPLED.upper(),
    f"00-{'0' * 32}-{PARENT_ID}-01",
    f"00-{TRACE_ID}-{'0' * 16}-01",
    f"00-{TRACE_ID}-{PARENT_ID}-0x",
)
PROPAGATED = {"GATEWAY_DELIVERIES__PROPAGATE_TRACES": "true"}


class TracedWorld:
    """A gateway whose spans a collector gets once the block ends; lives one test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.collector = Collector()
        self._environment = monkeypatch

    @asynccontextmanager
    async def running(self, settings: Mapping[str, str] | None = None, **variables: str) -> AsyncIterator[World]:
        async with serving(self.collector) as url:
            self._environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
            for name, value in variables.items():
                self._environment.setenv(name, value)
            async with running_world({**UNCACHED, **(settings or {})}) as world:
                yield world


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> TracedWorld:
    return TracedWorld(monkeypatch)


async def ask(world: World, query: str, **headers: str) -> None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    await world.client.post(f"{world.url}/graphql", json={"query": query}, headers=named)


def delivery_requests(world: World) -> list[RecordedRequest]:
    return [one for one in world.deliveries.requests if one.path.endswith("/send-tasks/1")]


async def test_an_operation_has_spans_of_its_phases_fields_and_calls(traced: TracedWorld) -> None:
    async with traced.running() as world:
        await ask(world, 'query One { delivery(id: "1") { id product { name } } }')

    operation = traced.collector.named("graphql query")
    below = traced.collector.below(operation)
    assert operation.attributes["graphql.operation.name"] == "One"
    assert operation.attributes["graphql.operation.type"] == "query"
    assert operation.attributes["http.response.status_code"] == 200
    assert [name for name in below if name in {"document", "plan", "execute", "encode"}] == [
        "document",
        "plan",
        "execute",
        "encode",
    ]
    assert sorted(name for name in below if name.startswith(("GET", "field"))) == [
        "GET delivery",
        "GET product_of",
        "field delivery",
        "field product",
    ]
    assert traced.collector.services == {"graphql-gateway"}
    assert all(operation.began <= span.began <= span.ended <= operation.ended for span in traced.collector.spans)


async def test_a_call_shows_each_try_and_what_it_waited_for(traced: TracedWorld) -> None:
    async with traced.running() as world:
        world.logistics.faults.settings = FaultSettings(error_rate=1, error_status=502)
        await ask(world, "{ logisticsTasks(first: 1) { nodes { id } } }")

    call = traced.collector.named("GET platform_list_tasks")
    below = traced.collector.below(call)
    assert call.failed
    assert call.attributes["http.response.status_code"] == 502
    assert call.attributes["http.request.resend_count"] == 2
    assert below.count("try") == 3
    assert below.count("pause") == 2
    assert below.count("connect") >= 1


async def test_the_wait_for_a_call_of_another_process_is_shown(
    traced: TracedWorld, redis_url: str, redis_prefix: str, tmp_path: Path
) -> None:
    shared = {"GATEWAY_REDIS_URL": redis_url, "GATEWAY_REDIS_PREFIX": redis_prefix, **CACHED}
    async with traced.running(shared) as one:
        of_one = sandbox_environment(one.urls, 0, tmp_path)
        async with running_world({**of_one, **shared}) as other:
            one.deliveries.faults.settings = FaultSettings(latency_seconds=0.2)
            asking = [
                world.client.post(f"{world.url}/graphql", json={"query": DELIVERY}, headers={"x-gateway-explain": "1"})
                for world in (one, other)
            ]
            answers = [answer.json() for answer in await asyncio.gather(*asking)]

    calls = [answer["extensions"]["gateway"]["calls"] for answer in answers]
    (waited,) = next(found for found in calls if found[0]["cache"] == "shared")
    span = traced.collector.named("lease delivery")
    assert [answer["data"] for answer in answers] == [{"delivery": {"id": "Delivery:1"}}] * 2
    assert sorted(found[0]["cache"] for found in calls) == ["miss", "shared"]
    assert [phase["phase"] for phase in waited["phases"]] == ["lease"]
    assert waited["milliseconds"] == waited["phases"][0]["milliseconds"] > 100
    assert span.attributes == {"gateway.upstream": "DELIVERIES", "gateway.values": 1}
    assert (span.ended - span.began) / 1e6 > 100


async def test_an_upstream_that_is_to_know_continues_the_trace(traced: TracedWorld) -> None:
    async with traced.running(PROPAGATED) as world:
        await ask(
            world,
            '{ delivery(id: "1") { id } smsJobs(first: 1) { nodes { jobId } } }',
            traceparent=SAMPLED,
            baggage="tenant=one",
            x_request_id="request-1",
        )
        (delivery,) = delivery_requests(world)
        others = [one for one in world.requests if one is not delivery]

    call, operation = traced.collector.named("GET delivery"), traced.collector.named("graphql query")
    assert delivery.headers["traceparent"] == f"00-{TRACE_ID}-{call.span_id}-01"
    assert delivery.headers["baggage"] == "tenant=one"
    assert delivery.headers["x-request-id"] == "request-1"
    assert (operation.trace_id, operation.parent_id) == (TRACE_ID, PARENT_ID)
    assert others
    assert not any({"traceparent", "baggage", "x-request-id"} & set(one.headers) for one in others)


async def test_a_trace_that_is_not_kept_is_passed_on_as_it_came(traced: TracedWorld) -> None:
    async with traced.running(PROPAGATED) as world:
        await ask(world, '{ delivery(id: "1") { id } }', traceparent=NOT_SAMPLED)
        (delivery,) = delivery_requests(world)

    assert delivery.headers["traceparent"] == NOT_SAMPLED
    assert traced.collector.spans == []


async def test_a_malformed_trace_is_none(traced: TracedWorld) -> None:
    async with traced.running(PROPAGATED) as world:
        for parent in MALFORMED[1:4]:
            await ask(world, '{ delivery(id: "1") { id } }', traceparent=parent, tracestate="a=b")
        sent = [one.headers for one in delivery_requests(world)]

    begun = [one for one in traced.collector.spans if one.name == "graphql query"]
    assert [one.parent_id for one in begun] == [""] * 3
    assert TRACE_ID not in {one.trace_id for one in begun}
    assert [one["traceparent"].split("-")[1] for one in sent] == [one.trace_id for one in begun]
    assert not any("tracestate" in one for one in sent)


@pytest.mark.parametrize("value", [b"a\tb", b"caf\xe9"])
async def test_baggage_of_other_characters_reaches_no_upstream(traced: TracedWorld, value: bytes) -> None:
    async with traced.running(PROPAGATED) as world:
        body = {"query": '{ delivery(id: "1") { id } }'}
        await world.client.post(f"{world.url}/graphql", json=body, headers=[(b"baggage", value)])
        (delivery,) = delivery_requests(world)

    assert "baggage" not in delivery.headers


async def test_operations_that_share_one_run_are_linked_to_it(traced: TracedWorld) -> None:
    async with traced.running({"GATEWAY_CACHE__COALESCE": "true"}) as world:
        world.deliveries.faults.settings = FaultSettings(latency_seconds=0.15)
        await asyncio.gather(*(ask(world, '{ delivery(id: "1") { id } }') for _ in range(3)))

    operations = [span for span in traced.collector.spans if span.name == "graphql query"]
    ran = [span for span in operations if "gateway.shared" not in span.attributes]
    assert len(operations) == 3
    assert len(ran) == 1
    assert [span.links for span in operations if span not in ran] == [[ran[0].span_id]] * 2


async def test_an_operation_that_fails_says_with_which_codes(traced: TracedWorld) -> None:
    async with traced.running() as world:
        await ask(world, "{ nothing }")
        world.logistics.faults.settings = FaultSettings(error_rate=1)
        await ask(world, "{ logisticsTasks(first: 1) { nodes { id } } }")

    codes = sorted(span.attributes["error.type"] for span in traced.collector.spans if span.name.startswith("graphql"))
    assert codes == ["BAD_INPUT", "UPSTREAM_UNAVAILABLE"]


async def test_no_span_holds_a_variable_a_credential_or_a_path(traced: TracedWorld) -> None:
    secret = "planted-secret-4711"
    async with traced.running() as world:
        await world.client.post(
            f"{world.url}/graphql",
            json={
                "query": 'query ($id: ID!) { delivery(id: $id) { id } node(id: "Delivery:4712") { id } }',
                "variables": {"id": secret},
            },
            headers={"authorization": f"Bearer {secret}"},
        )
        await ask(world, '{ delivery(id: "4713") { id } }')

    text = repr(traced.collector.spans)
    assert "graphql query" in text
    assert not re.search(rf"{secret}|4712|4713|sandbox-", text)


async def test_an_exemplar_leads_from_a_histogram_to_a_trace(traced: TracedWorld) -> None:
    async with traced.running() as world:
        await ask(world, '{ delivery(id: "1") { id } }', traceparent=SAMPLED)
        told = await world.client.get(f"{world.url}/metrics", headers={"accept": "application/openmetrics-text"})

    assert re.search(
        rf'^gateway_operation_seconds_bucket{{le="[^"]+",operation="other"}} 1.0 # {{trace_id="{TRACE_ID}"}}',
        told.text,
        re.MULTILINE,
    )


async def test_a_collector_that_is_away_costs_a_count(traced: TracedWorld) -> None:
    traced.collector.status = 400
    async with traced.running(OTEL_BSP_SCHEDULE_DELAY="10") as world:
        await ask(world, "{ __typename }")
        dropped = 0.0
        async with asyncio.timeout(20):
            while not dropped:
                told = (await world.client.get(f"{world.url}/metrics")).text
                found = re.search(r'^gateway_spans_total{outcome="dropped"} (\S+)$', told, re.MULTILINE)
                dropped = float(found[1]) if found else 0.0

    assert traced.collector.batches
    assert dropped > 0


@pytest.mark.parametrize(
    ("sampling", "parent", "chance", "kept"),
    [
        (Sampling(1.0), None, 0.99, True),
        (Sampling(0.0), None, 0.0, False),
        (Sampling(0.01), None, 0.009, True),
        (Sampling(0.01), None, 0.02, False),
        (Sampling(0.0), SAMPLED, 0.5, True),
        (Sampling(1.0), NOT_SAMPLED, 0.5, False),
        *((Sampling(ratio), parent, 0.5, ratio == 1.0) for parent in MALFORMED for ratio in (1.0, 0.0)),
        (Sampling(0.0), f"cc{SAMPLED[2:]}-more", 0.5, True),
        (Sampling(1.0, follows_client=False), NOT_SAMPLED, 0.5, True),
        (Sampling(0.0, follows_client=False), SAMPLED, 0.5, False),
    ],
)
def test_the_client_decides_what_is_kept_or_else_chance(
    sampling: Sampling, parent: str | None, chance: float, kept: bool
) -> None:
    assert sampling.keeps(None if parent is None else parent.encode(), lambda: chance) is kept
