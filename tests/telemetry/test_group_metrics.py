"""One scrape of a gateway with two worker processes."""

import asyncio
from collections.abc import Iterator, Mapping

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from gateway.telemetry.exposition import GroupCollector, registry_state
from tests.commands.running import STARTS_WITHIN_SECONDS, Running, two_workers_running


@pytest.fixture
def two_workers(redis_url: str, redis_prefix: str) -> Iterator[Running]:
    with two_workers_running(redis_url, redis_prefix, {}) as started:
        yield started


def samples(text: str, name: str) -> dict[tuple[str, ...], float]:
    """The values of a metric by the values of its labels."""
    families = text_string_to_metric_families(text)
    found = [sample for family in families for sample in family.samples if sample.name == name]
    return {tuple(value for _, value in sorted(one.labels.items())): one.value for one in found}


async def up(client: httpx.AsyncClient, workers: int) -> str:
    """A scrape, once as many workers answer it."""
    while True:
        text = (await client.get("/metrics")).text
        if len(samples(text, "gateway_worker_up")) >= workers:
            return text
        await asyncio.sleep(0.05)


async def test_one_scrape_answers_for_all_workers(two_workers: Running) -> None:
    async with httpx.AsyncClient(base_url=two_workers.url, trust_env=False, timeout=STARTS_WITHIN_SECONDS) as client:
        await up(client, 2)
        for _ in range(20):
            # A connection each, so that the workers share them.
            async with httpx.AsyncClient(base_url=two_workers.url, trust_env=False) as one:
                await one.post("/graphql", json={"query": "{ upstreams { state } }"})
        text = (await client.get("/metrics")).text

    assert samples(text, "gateway_worker_up") == {("0",): 1, ("1",): 1}
    whole = {labels: value for labels, value in samples(text, "gateway_operations_total").items() if "whole" in labels}
    assert set(whole) == {("whole", "0"), ("whole", "1")}
    assert sum(whole.values()) == 20
    assert set(samples(text, "process_cpu_seconds_total")) == {("0",), ("1",)}


def states(traces: Mapping[int, str]) -> dict[int, bytes | None]:
    """The state of a worker each, with one counted value whose trace is its example."""
    found: dict[int, bytes | None] = {}
    for number, trace in traces.items():
        registry = CollectorRegistry()
        Counter("seen", "Seen.", registry=registry).inc()
        Histogram("took", "Took.", registry=registry, buckets=(1.0,)).observe(0.5, {"trace_id": trace})
        found[number] = registry_state(registry)
    return found


def test_workers_keep_series_of_their_own_with_their_examples() -> None:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(GroupCollector({**states({0: "aa", 3: "bb"}), 5: None}))

    text = generate_latest(registry).decode()  # type: ignore[no-untyped-call]  # the library has no types here

    assert 'seen_total{worker="0"} 1.0' in text
    assert 'seen_total{worker="3"} 1.0' in text
    assert 'took_bucket{le="1.0",worker="3"} 1.0 # {trace_id="bb"} 0.5' in text
    assert 'gateway_worker_up{worker="5"} 0.0' in text
