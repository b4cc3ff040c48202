import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from gateway.operations.logged_operations import Timed
from gateway.operations.operation_log import LOGGER
from gateway.telemetry.log import JsonFormatter, TextFormatter, logfmt
from tests.world import World, running_world

SECRET = "planted-secret-4711"
EXPENSIVE = """{
    a: deliveries(first: 100) { nodes { product { id } dspUploadIdentification { id } } }
    b: deliveries(first: 99) { nodes { product { id } dspUploadIdentification { id } } }
}"""
ALL = {"GATEWAY_LOG__OPERATIONS_SAMPLE": "1", "GATEWAY_CACHE__TTL_ACTIVE": "600"}


class Lines(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.emitted = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.emitted.set()

    @property
    def last(self) -> dict[str, Any]:
        return vars(self.records[-1])


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler, logger = Lines(), logging.getLogger(LOGGER)
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.fixture
async def sampled() -> AsyncIterator[World]:
    async with running_world(ALL) as world:
        yield world


async def test_a_line_says_what_an_operation_was_and_what_it_cost(sampled: World, lines: Lines) -> None:
    query = 'query Two { delivery(id: "1") { id } logisticsTasks(first: 1) { nodes { id } } }'
    trace = "0af7651916cd43dd8448eb211c80319c"

    answer = await sampled.ask(query, headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})

    line = lines.last
    assert (line["operation"], line["type"], line["outcome"], line["status"]) == ("Two", "query", "success", 200)
    assert line["document"] == hashlib.sha256(query.encode()).hexdigest()
    assert line["calls"] == {"DELIVERIES": 1, "LOGISTICS": 1}
    assert line["estimate"] == 2
    assert (line["account"], line["transport"]) == ("own", "POST")
    assert line["trace_id"] == trace
    assert line["request_id"] == answer.headers["x-request-id"]
    assert line["bytes"] == int(answer.headers["content-length"])
    assert line["milliseconds"] >= line["cpu_milliseconds"] > 0
    assert line["executed"] is True


async def test_a_line_tells_what_came_from_the_cache(sampled: World, lines: Lines) -> None:
    await sampled.ask('{ delivery(id: "1") { id } }')

    await sampled.ask('{ delivery(id: "1") { id status } }')
    records = lines.last
    await sampled.ask('{ delivery(id: "1") { id status } }')
    whole = lines.last

    assert (records["calls"], records["cache"], records["executed"]) == ({}, {"hit": 1}, True)
    assert (whole["calls"], whole["cache"], whole["executed"]) == ({}, {}, False)


@pytest.mark.parametrize(
    ("query", "outcome", "codes"),
    [
        ("{ delivery(id: 1", "refused", ["BAD_INPUT"]),
        ("{ nothing }", "refused", ["BAD_INPUT"]),
        ('{ delivery(id: "x") { id } }', "partial", ["BAD_INPUT"]),
        ('subscription { statusChanged(ids: ["Delivery:1"]) { kind } }', "refused", ["BAD_INPUT"]),
        (EXPENSIVE, "refused", ["OPERATION_TOO_EXPENSIVE"]),
    ],
)
async def test_each_failure_has_a_line_with_its_codes(
    world: World, lines: Lines, query: str, outcome: str, codes: list[str]
) -> None:
    answer = await world.ask(query)

    assert [(one.levelname, one.outcome, one.codes) for one in lines.records] == [("WARNING", outcome, codes)]  # type: ignore[attr-defined]  # set by `extra`
    assert "errors" in answer.json


async def test_a_success_has_no_line_unless_it_is_slow_or_sampled(world: World, lines: Lines) -> None:
    await world.ask('{ delivery(id: "1") { id } }')

    assert lines.records == []


async def test_a_slow_success_has_a_line(lines: Lines) -> None:
    async with running_world({"GATEWAY_LOG__SLOW_SECONDS": "0.000001"}) as world:
        await world.ask('{ delivery(id: "1") { id } }')

    assert [one.levelname for one in lines.records] == ["INFO"]


async def test_operations_are_not_logged_where_the_settings_say_so(lines: Lines) -> None:
    async with running_world({**ALL, "GATEWAY_LOG__OPERATIONS": "false"}) as world:
        await world.ask("{ nothing }")

    assert lines.records == []


async def test_no_line_holds_a_variable_a_literal_or_a_credential(sampled: World, lines: Lines) -> None:
    headers = {"cookie": f"session={SECRET}", "x-api-key": SECRET, "x-request-id": "request-1"}
    await sampled.ask("query($id: ID!) { delivery(id: $id) { id } }", {"id": SECRET})
    await sampled.ask(f'{{ delivery(id: "{SECRET}") {{ id }} }}')
    await sampled.ask(f"{{ delivery(id: $x) {{ {SECRET.replace('-', '_')} }} }}")
    await sampled.ask("query($id: ID!) { delivery(id: $id) { id } }", {"id": "1", "other": SECRET})
    await sampled.ask('{ delivery(id: "1") { id } }', headers=headers)

    written = [one.format(record) for record in lines.records for one in (TextFormatter(), JsonFormatter())]
    assert len(written) >= 8
    assert [line for line in written if SECRET in line or SECRET.replace("-", "_") in line] == []


async def test_a_persisted_document_is_named_by_its_hash(sampled: World, lines: Lines) -> None:
    query = "query Kept { upstreams { name } }"
    digest = hashlib.sha256(query.encode()).hexdigest()
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": digest}}
    await sampled.client.post(f"{sampled.url}/graphql", json={"query": query, "extensions": extensions})

    await sampled.client.post(f"{sampled.url}/graphql", json={"extensions": extensions})

    assert [(line["operation"], line["document"]) for line in map(vars, lines.records)] == [("Kept", digest)] * 2


def test_a_line_of_text_is_logfmt() -> None:
    fields = {"operation": "A", "codes": ["X"], "milliseconds": 1.5, "name": 'with "quotes"', "none": None}

    line = logfmt(fields)

    assert line == 'operation=A codes="[\\"X\\"]" milliseconds=1.5 name="with \\"quotes\\"" none=null'


async def test_the_time_of_own_steps_is_told_from_waiting() -> None:
    clock = iter(range(100))
    inner: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def work() -> str:
        await asyncio.sleep(0)
        return await inner

    timed = Timed(work(), lambda: float(next(clock)))
    asyncio.get_running_loop().call_later(0.001, inner.set_result, "found")

    assert await timed == "found"
    assert timed.own_seconds == 3.0


async def test_cancellation_and_errors_pass_through_to_the_work() -> None:
    seen: list[str] = []

    async def work() -> str:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        return "late"

    async def outer() -> str:
        return await Timed(work(), lambda: 0.0)

    task = asyncio.create_task(outer())
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cancelled"]


async def test_a_subscription_has_a_line_at_its_end(sampled: World, lines: Lines) -> None:
    query = 'subscription Follow { statusChanged(ids: ["Delivery:1"]) { kind } }'
    headers = {"accept": "text/event-stream"}
    async with sampled.client.stream(
        "POST", f"{sampled.url}/graphql", json={"query": query}, headers=headers
    ) as stream:
        event = await anext(line async for line in stream.aiter_lines() if "statusChanged" in line)
    await lines.emitted.wait()

    line = lines.last
    assert "SNAPSHOT" in event
    assert (line["operation"], line["type"], line["outcome"]) == ("Follow", "subscription", "success")
    assert (line["events"], line["account"], line["transport"]) == (1, "own", "POST")
    assert line["bytes"] > 0


async def test_a_subscription_that_is_refused_has_a_line_with_the_reason(world: World, lines: Lines) -> None:
    query = 'subscription { statusChanged(ids: ["Delivery:1"], after: "nonsense") { kind } }'
    response = await world.client.post(
        f"{world.url}/graphql", json={"query": query}, headers={"accept": "text/event-stream"}
    )

    assert "BAD_INPUT" in response.text
    assert [(one.outcome, one.codes, one.events) for one in lines.records] == [("refused", ["BAD_INPUT"], 0)]  # type: ignore[attr-defined]  # set by `extra`
