"""Measures what operations cost one gateway process and one Redis."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, repeat

import orjson
from measuring.gateway import running_gateway
from measuring.load import Pace, ask_all, put_load
from measuring.operations import delivery_workload
from measuring.processes import Server
from measuring.throughput import compare_with_bare
from measuring.upstream import Upstream

from sizing.costs import Cost
from sizing.redis_meter import RedisMeter

CONNECTIONS = 8
WARMING = 300
_HOT_ROUNDS = 4
_UNLIMITED = "1000000"


def measure_bare(upstream: Upstream, pace: Pace) -> float:
    """Return the CPU time of a bare ASGI app for a request, in microseconds."""
    return next(iter(compare_with_bare(upstream, "hot", replace(pace, rounds=2)))).other.cpu


def measure_operations(upstream: Upstream, meter: RedisMeter, count: int, pace: Pace) -> Iterator[tuple[str, Cost]]:
    """Measure operations that each read one delivery by its id.

    Args:
        upstream: Answers at once.
        meter: An empty Redis.
        count: Different operations in each load.
        pace: How long equal operations are sent.

    Yields:
        The name of a cost, and the cost.
    """
    bodies = delivery_workload().bodies(WARMING + count)
    redis = {"GATEWAY_REDIS_URL": meter.url}
    with running_gateway(upstream, "cold") as gateway:
        yield "cold", (cold := _ask(gateway, meter, bodies, upstream))
    paced = {**redis, "GATEWAY_DELIVERIES__RATE_PER_SECOND": _UNLIMITED}
    with running_gateway(upstream, "cold", paced) as gateway:
        yield "paced call", _on_top(_ask(gateway, meter, bodies, upstream), cold)
    with running_gateway(upstream, "shared") as gateway:
        workload = delivery_workload()
        shared = put_load(gateway, workload, workload.bodies(1), seconds=pace.seconds, connections=32)
        yield "shared", Cost(shared.cpu)
    with running_gateway(upstream, "hot", redis) as gateway:
        yield "first", _ask(gateway, meter, bodies, upstream)
        again = list(chain.from_iterable(repeat(bodies, _HOT_ROUNDS)))
        yield "hot", (hot := _ask(gateway, meter, again, upstream))
        yield "new document", _on_top(_ask(gateway, meter, _new_documents(count), upstream), hot)
    with running_gateway(upstream, "hot", redis) as gateway:
        yield "record in Redis", _ask(gateway, meter, bodies, upstream)
    budgeted = {**redis, "GATEWAY_AUTH__CALLS_PER_MINUTE": _UNLIMITED}
    with running_gateway(upstream, "hot", budgeted) as gateway:
        _ask(gateway, meter, bodies, upstream)
        yield "budget", _on_top(_ask(gateway, meter, again, upstream), hot)


def measure_record(upstream: Upstream, count: int) -> float:
    """Return the growth of the process for each delivery that is kept with the response that it is in, in bytes."""
    bodies = delivery_workload().bodies(WARMING + count)
    with running_gateway(upstream, "hot") as gateway:
        asyncio.run(ask_all(gateway.port, iter(bodies[:WARMING]), CONNECTIONS))
        before = gateway.resident_bytes()
        asyncio.run(ask_all(gateway.port, iter(bodies[WARMING:]), CONNECTIONS))
        return (gateway.resident_bytes() - before) / count


def _ask(gateway: Server, meter: RedisMeter, bodies: Sequence[bytes], upstream: Upstream) -> Cost:
    asyncio.run(ask_all(gateway.port, iter(bodies[:WARMING]), CONNECTIONS))
    calls, before = upstream.requests(), meter.read(gateway.cpu_seconds())
    asyncio.run(ask_all(gateway.port, iter(bodies[WARMING:]), CONNECTIONS))
    after = meter.read(gateway.cpu_seconds())
    # Reading the number of calls is a request as well.
    return before.until(after, len(bodies) - WARMING, upstream.requests() - calls - 1)


def _on_top(whole: Cost, part: Cost) -> Cost:
    return Cost(
        max(0.0, whole.cpu - part.cpu),
        max(0.0, whole.commands - part.commands),
        max(0.0, whole.redis_cpu - part.redis_cpu),
        max(0.0, whole.received - part.received),
        max(0.0, whole.sent - part.sent),
    )


def _new_documents(count: int) -> list[bytes]:
    # A name makes another document, which shares nothing with those before.
    query = 'query Q{} {{ delivery(id: "{}") {{ id status priority createdAt }} }}'
    return [orjson.dumps({"query": query.format(number, number % 100 + 1)}) for number in range(WARMING + count)]
