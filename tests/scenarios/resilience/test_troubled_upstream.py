"""An upstream that fails often, or is slow: what that costs those who need it, and those who do not."""

import asyncio
from random import Random
from typing import Final

from resolvers.upstreams.call import Answer
from tests.scenarios.resilience.little_gateway import LittleGateway, Operation, Told, Wire, delivery, job
from tests.upstreams.transport.virtual_time import in_virtual_time

LIST: Final[Operation] = ("{ deliveries(first: 5) { nodes { id status } } }", None, None)
DEADLINE: Final = 5.0


def read(number: int) -> Operation:
    return LIST if number % 10 == 0 else delivery(number % 50)


@in_virtual_time
async def test_with_30_percent_of_errors_and_spikes_of_2_seconds_999_of_1000_reads_are_answered_in_5_seconds() -> None:
    random = Random(7)  # noqa: S311 - decides faults, guards nothing
    wire = Wire()
    gateway = LittleGateway(wire, Wire(), deadline_seconds=DEADLINE)
    await gateway.load(read, seconds=0.5, every=0.01)
    wire.trouble = lambda _: Answer(503, {}, b"") if random.random() < 0.3 else None
    wire.seconds = lambda: 2.0 if random.random() < 0.2 else 0.05
    wire.sent.clear()

    told = await gateway.load(read, seconds=100, every=0.01)

    answered = [one for one in told if one.is_whole and one.seconds <= DEADLINE]
    assert len(wire.sent) > 1000
    assert len(answered) / len(told) >= 0.999


@in_virtual_time
async def test_an_upstream_that_takes_30_seconds_does_not_slow_operations_that_need_another() -> None:
    normal = percentile_99(await cold_reads(LittleGateway(Wire(), Wire())))
    slow = LittleGateway(Wire(), Wire(seconds=lambda: 30.0))

    waiting = asyncio.create_task(slow.load(job, seconds=10, every=0.01))
    beside = percentile_99(await cold_reads(slow))

    assert beside <= 2 * normal
    assert all(not one.is_whole for one in await waiting)


@in_virtual_time
async def test_an_operation_that_needs_a_slow_upstream_as_well_still_ends_at_its_deadline() -> None:
    gateway = LittleGateway(Wire(), Wire(seconds=lambda: 30.0), deadline_seconds=2)

    told = await gateway.ask(('{ delivery(id: "1") { status } smsJob(id: "1") { jobId } }', None, None))

    assert told.seconds == 2
    assert (told.json["data"]["delivery"], told.json["data"]["smsJob"]) == ({"status": "PENDING"}, None)


async def cold_reads(gateway: LittleGateway) -> list[Told]:
    return await gateway.load(delivery, seconds=10, every=0.01)


def percentile_99(told: list[Told]) -> float:
    return sorted(one.seconds for one in told)[int(len(told) * 0.99)]
