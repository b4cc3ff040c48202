"""What Prometheus is told."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.samples import Sample

from gateway.auth.callers import Caller
from gateway.operations.request import GraphQLRequest
from gateway.sandbox.faults import FaultSettings
from gateway.telemetry.event_loop import EventLoopLag
from gateway.telemetry.families import buckets
from gateway.telemetry.operation_metrics import MAX_OPERATIONS, OperationMetrics, caller_label
from resolvers.accounts import Account
from tests.telemetry.scraping import metric
from tests.world import UNCACHED, World, running_world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running_world(UNCACHED) as running:
        yield running


async def test_calls_are_counted_by_operation_and_outcome(world: World) -> None:
    await world.ask("{ deliveries(first: 5) { totalCount } smsJobs(first: 3) { nodes { qos } } }")

    assert await metric(world, 'gateway_upstream_calls_total{operation="job_report",outcome="200",upstream="SMS"}') == 3
    assert await metric(world, 'gateway_upstream_tries_total{operation="job_ids",upstream="SMS"}') == 1
    buckets = 'gateway_upstream_call_seconds_bucket{le="+Inf",operation="job_report",upstream="SMS"}'
    assert await metric(world, buckets) == 3
    assert await metric(world, 'gateway_operations_total{outcome="whole"}') == 1


async def test_failed_calls_are_counted_by_their_codes(world: World) -> None:
    world.logistics.faults.settings = FaultSettings(error_rate=1)

    await world.ask("{ logisticsTasks(first: 1) { nodes { id } } }")

    told = (await world.client.get(f"{world.url}/metrics")).text
    assert 'operation="platform_list_tasks",outcome="500",upstream="LOGISTICS"} 1.0' in told
    assert await metric(world, 'gateway_operations_total{outcome="partial"}') == 1


@pytest.mark.parametrize("settings", [{}, {"GATEWAY_AUTH__CALLS_PER_MINUTE": "1000"}], ids=["unbudgeted", "budgeted"])
async def test_an_answer_with_data_and_errors_is_counted_as_partial(settings: dict[str, str]) -> None:
    async with running_world(settings) as world:
        world.logistics.faults.settings = FaultSettings(error_rate=1)

        await world.ask("{ logisticsTasks(first: 1) { nodes { id } } __typename }")

        assert await metric(world, 'gateway_operations_total{outcome="partial"}') == 1
        assert await metric(world, 'gateway_operations_total{outcome="whole"}') == 0


async def test_metrics_hold_neither_ids_nor_addresses_nor_credentials() -> None:
    async with running_world() as world:
        await world.ask('{ delivery(id: "12") { id } partner { name } }')

        told = (await world.client.get(f"{world.url}/metrics")).text

    assert "gateway_cache_entries" in told
    assert 'operation="partner_detail"' in told
    assert not re.search(r"127\.0\.0\.1|sandbox-|Delivery:|/partners/", told)


async def test_durations_of_executed_operations_are_a_histogram(world: World) -> None:
    await world.ask('{ delivery(id: "1") { id } }')
    await world.ask("{ nothing }")

    assert await metric(world, 'gateway_operation_seconds_bucket{le="+Inf",operation="other"}') == 1
    assert await metric(world, 'gateway_operation_seconds_count{operation="other"}') == 1
    assert 0 < await metric(world, 'gateway_operation_seconds_sum{operation="other"}') < 30
    assert await metric(world, "gateway_operations_in_flight") == 0


async def test_trusted_documents_have_a_histogram_each_by_their_names(tmp_path: Path) -> None:
    named, nameless = "query Board { upstreams { state } }", "{ upstreams { name } }"
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"one": named, "two": nameless}))
    async with running_world({"GATEWAY_TRUSTED_DOCUMENTS": str(manifest)}) as world:
        for body in ({"query": named}, {"documentId": "one"}, {"query": nameless}):
            await world.client.post(f"{world.url}/graphql", json=body)
        by_hash = {"version": 1, "sha256Hash": sha256(named.encode()).hexdigest()}
        await world.client.post(f"{world.url}/graphql", json={"extensions": {"persistedQuery": by_hash}})

        assert await metric(world, 'gateway_operation_seconds_count{operation="Board"}') == 2
        assert await metric(world, 'gateway_operation_seconds_count{operation="two"}') == 1


async def test_callers_with_a_key_have_a_histogram_each_and_persons_one_together() -> None:
    key = sha256(b"secret of mobile").hexdigest()
    async with running_world({"GATEWAY_AUTH__API_KEYS__MOBILE": key}) as world:
        for headers in ({"x-api-key": "secret of mobile"}, {}, {}):
            await world.client.post(f"{world.url}/graphql", json={"query": "{ __typename }"}, headers=headers)

        assert await metric(world, 'gateway_caller_seconds_count{caller="key:mobile"}') == 1
        assert await metric(world, 'gateway_caller_seconds_count{caller="anonymous"}') == 2


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("key:mobile", "key:mobile"),
        ("anonymous", "anonymous"),
        ("jwt:sub:7c1f", "jwt"),
        ("jwt:sub#0a1b", "jwt"),
        ("person:ann", "person"),
        ("session:4711", "session"),
    ],
)
def test_a_person_is_no_label(name: str, label: str) -> None:
    assert caller_label(name) == label


def test_labels_are_bounded() -> None:
    texts = {f"{{ a{number}: __typename }}": f"Operation{number}" for number in range(MAX_OPERATIONS * 2)}
    metrics = OperationMetrics(texts)
    caller = Caller("anonymous", Account("own", {}))
    for text in texts:
        metrics.took(GraphQLRequest(text, None, None, None, may_mutate=False, request_id="1"), caller, 0.1)

    labels = {sample.labels["operation"] for sample in _samples(metrics, "gateway_operation_seconds_count")}

    assert len(labels) == MAX_OPERATIONS
    assert sum(sample.value for sample in _samples(metrics, "gateway_operation_seconds_count")) == len(texts)


def _samples(metrics: OperationMetrics, name: str) -> list[Sample]:
    return [sample for family in metrics.collect() for sample in family.samples if sample.name == name]


async def test_a_scraper_that_knows_openmetrics_gets_it(world: World) -> None:
    answer = await world.client.get(f"{world.url}/metrics", headers={"accept": "application/openmetrics-text"})

    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    families = openmetrics(answer.text)  # type: ignore[no-untyped-call]  # the library has no types here
    assert {family.name for family in families} >= {"gateway_operations", "gateway_event_loop_lag_seconds"}


async def test_the_event_loops_lag_is_measured_by_how_late_a_task_is_woken() -> None:
    now, late = 0.0, iter([0.0, 0.002, 0.3])

    async def sleep(seconds: float) -> None:
        nonlocal now
        extra = next(late, None)
        if extra is None:
            raise asyncio.CancelledError
        now += seconds + extra

    lag = EventLoopLag(lambda: now, sleep)
    with pytest.raises(asyncio.CancelledError):
        await lag.measure()

    assert lag.histogram.total == pytest.approx(0.302)
    assert [bucket[:2] for bucket in buckets(lag.histogram) if bucket[0] in {"0.0025", "0.5"}] == [
        ("0.0025", 2),
        ("0.5", 3),
    ]
