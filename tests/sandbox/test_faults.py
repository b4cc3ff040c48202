"""Faults, the request log and the clock of a simulator."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from gateway.sandbox.clock import AdjustableClock, ManualClock, RunningClock
from gateway.sandbox.faults import FaultInjection, Faults, FaultSettings
from gateway.sandbox.server import serving
from gateway.sandbox.simulator import Simulator
from tests.sandbox.connection import connected

START = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
THING = {"name": "a thing with a name of some length"}


class Vendor:
    """An upstream that counts the handled requests, and can be made to wait."""

    def __init__(self) -> None:
        self.worked = 0
        self.arrivals = asyncio.Semaphore(0)
        self.open = asyncio.Event()
        self.open.set()
        self.app = Starlette(
            routes=[Route("/things", self.answer, methods=["GET", "POST"]), Route("/oauth/token", self.answer)]
        )

    async def answer(self, request: Request) -> JSONResponse:
        await request.body()
        self.arrivals.release()
        await self.open.wait()
        self.worked += 1
        return JSONResponse(THING)


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


@pytest.fixture
def simulator(vendor: Vendor) -> Simulator:
    return Simulator("things", vendor.app, ManualClock(START), error_in_200=b'{"error":"planted"}')


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[httpx.AsyncClient]:
    async with connected(simulator.app) as client:
        yield client


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"outage": "503"}, 503),
        ({"rate_limited": True}, 429),
        ({"error_rate": 1}, 500),
        ({"error_rate": 1, "error_status": 502}, 502),
    ],
)
async def test_a_fault_answers_a_status_instead_of_the_work(
    client: httpx.AsyncClient, vendor: Vendor, fault: dict[str, Any], status: int
) -> None:
    await client.put("/_sandbox/faults", json={**fault, "retry_after_seconds": 7})

    answer = await client.get("/things")

    assert answer.status_code == status
    assert answer.content == b""
    assert answer.headers.get("retry-after") == ("7" if status in (429, 503) else None)
    assert vendor.worked == 0


async def test_an_outage_cuts_the_connection_before_the_work(client: httpx.AsyncClient, vendor: Vendor) -> None:
    await client.put("/_sandbox/faults", json={"outage": "refuse"})

    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        await client.get("/things")

    assert vendor.worked == 0


async def test_a_cut_answer_breaks_off_after_the_work(client: httpx.AsyncClient, vendor: Vendor) -> None:
    await client.put("/_sandbox/faults", json={"cut": True})

    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
        await client.post("/things")

    assert vendor.worked == 1


@pytest.mark.parametrize(
    ("nonsense", "content_type", "start", "worked"),
    [
        ("html", "text/html; charset=utf-8", b"<!DOCTYPE html>", 0),
        ("empty_object", "application/json", b"{}", 0),
        ("error_in_200", "application/json", b'{"error":"planted"}', 0),
        ("truncated", "application/json", b'{"name":"a thing', 1),
    ],
)
async def test_nonsense_is_a_200_that_is_not_the_answer(
    client: httpx.AsyncClient, vendor: Vendor, nonsense: str, content_type: str, start: bytes, worked: int
) -> None:
    await client.put("/_sandbox/faults", json={"nonsense": nonsense})

    answer = await client.get("/things")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == content_type
    assert answer.content.startswith(start)
    assert answer.content != JSONResponse(THING).body
    assert vendor.worked == worked


async def test_a_share_of_errors_is_the_same_for_the_same_seed(client: httpx.AsyncClient) -> None:
    rounds = []
    for _ in range(2):
        await client.put("/_sandbox/faults", json={"error_rate": 0.5, "seed": 3})
        rounds.append([(await client.get("/things")).status_code for _ in range(20)])

    assert rounds[0] == rounds[1]
    assert set(rounds[0]) == {200, 500}


async def test_only_requests_under_the_prefix_suffer(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.faults.settings = FaultSettings(outage="503", only_path_prefix="/oauth")

    spared, struck = await client.get("/things"), await client.get("/oauth/token")

    assert (spared.status_code, struck.status_code) == (200, 503)


async def test_latency_delays_the_answer(vendor: Vendor) -> None:
    slept: list[tuple[float, int]] = []
    faults = Faults()
    faults.settings = FaultSettings(latency_seconds=2.5)

    async def sleep(seconds: float) -> None:
        slept.append((seconds, vendor.worked))

    async with connected(FaultInjection(vendor.app, faults, error_in_200=b"{}", sleep=sleep)) as client:
        answer = await client.get("/things")

    assert answer.status_code == 200
    assert slept == [(2.5, 0)]


async def test_faults_are_read_and_cleared_over_http(client: httpx.AsyncClient) -> None:
    await client.put("/_sandbox/faults", json={"cut": True, "nonsense": "html"})

    read = (await client.get("/_sandbox/faults")).json()
    cleared = await client.delete("/_sandbox/faults")
    answer = await client.get("/things")

    assert (read["cut"], read["nonsense"], read["outage"]) == (True, "html", "none")
    assert cleared.status_code == 204
    assert answer.json() == THING


@pytest.mark.parametrize("body", [b"{", b'{"outage":"total"}', b'{"latency":1}', b'{"error_rate":2}'])
async def test_faults_that_do_not_exist_are_refused_with_a_reason(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.put("/_sandbox/faults", content=body)

    assert answer.status_code == 400
    assert answer.json()["message"]


async def test_requests_are_recorded_without_credentials(client: httpx.AsyncClient, simulator: Simulator) -> None:
    headers = {"Authorization": "Bearer secret", "X-Trace": "7"}
    await client.post("/things?colour=red%20ish", json={"size": 1}, headers=headers)
    await client.request("GET", "/oauth/token", json={"password": "secret"}, headers=headers)

    told = await client.get("/_sandbox/requests")

    first, second = told.json()["requests"]
    assert (first["method"], first["path"], first["query"], first["status"]) == (
        "POST",
        "/things",
        "colour=red%20ish",
        200,
    )
    assert first["body"] == '{"size":1}'
    assert first["headers"]["x-trace"] == "7"
    assert second["body"] is None
    assert "secret" not in told.text
    assert [request.path for request in simulator.requests] == ["/things", "/oauth/token"]


async def test_a_large_body_is_not_kept(client: httpx.AsyncClient, simulator: Simulator) -> None:
    await client.post("/things", content=b"x" * 5000)

    assert simulator.requests[0].body is None


async def test_faulted_requests_are_recorded_and_controls_are_not(
    client: httpx.AsyncClient, simulator: Simulator
) -> None:
    await client.put("/_sandbox/faults", json={"outage": "503"})
    await client.get("/things")
    await client.put("/_sandbox/faults", json={"outage": "refuse"})
    with pytest.raises(httpx.RemoteProtocolError):
        await client.get("/things")

    statuses = [request.status for request in simulator.requests]

    assert statuses == [503, None]
    assert (await client.get("/_sandbox/faults")).status_code == 200


async def test_the_most_requests_at_once_are_counted(
    client: httpx.AsyncClient, simulator: Simulator, vendor: Vendor
) -> None:
    vendor.open.clear()
    running = [asyncio.create_task(client.get("/things")) for _ in range(3)]
    for _ in running:
        await vendor.arrivals.acquire()
    vendor.open.set()
    await asyncio.gather(*running)

    at_once = simulator.requests.most_at_once
    await client.delete("/_sandbox/requests")

    assert at_once == 3
    assert len(simulator.requests) == 0


async def test_the_clock_of_a_test_is_moved_by_hand(client: httpx.AsyncClient) -> None:
    moved = await client.put("/_sandbox/clock", json={"advance_seconds": 61})
    sped = await client.put("/_sandbox/clock", json={"speed": 2})

    assert moved.json() == {"now": "2024-05-06T07:09:10+00:00", "speed": 0.0}
    assert sped.status_code == 400


async def test_a_running_clock_is_sped_up_over_http(vendor: Vendor) -> None:
    seconds = [100.0]
    clock = RunningClock(START, monotonic=lambda: seconds[0])
    async with connected(Simulator("things", vendor.app, clock).app) as client:
        seconds[0] += 10
        await client.put("/_sandbox/clock", json={"speed": 60})
        seconds[0] += 10

        told = (await client.get("/_sandbox/clock")).json()
        refused = await client.put("/_sandbox/clock", json={"speed": -1})

    assert told == {"now": "2024-05-06T07:18:19+00:00", "speed": 60.0}
    assert refused.status_code == 400


@pytest.mark.parametrize(
    "change",
    [
        {"advance_seconds": 1e300},
        {"advance_seconds": 3e11},
        {"advance_seconds": -1},
        {"speed": 1e300},
        {"speed": 60, "advance_seconds": 1e300},
        {"speed": 60, "advance_seconds": -1},
        {"speed": -1, "advance_seconds": 60},
        {"speed": 1e300, "advance_seconds": 60},
    ],
)
async def test_a_wrong_change_of_the_clock_changes_nothing(vendor: Vendor, change: dict[str, float]) -> None:
    clock = RunningClock(START, monotonic=lambda: 100.0)
    async with connected(Simulator("things", vendor.app, clock).app) as client:
        refused = await client.put("/_sandbox/clock", json=change)
        told = (await client.get("/_sandbox/clock")).json()

    assert refused.status_code == 400
    assert "sandbox clock" in refused.json()["message"]
    assert told == {"now": START.isoformat(), "speed": 1.0}


async def test_a_clock_that_was_advanced_to_its_end_goes_no_further(vendor: Vendor) -> None:
    for clock in (ManualClock(START), RunningClock(START, monotonic=lambda: 100.0)):
        async with connected(Simulator("things", vendor.app, clock).app) as client:
            changes = [await client.put("/_sandbox/clock", json={"advance_seconds": 1.5e11}) for _ in range(2)]

        assert [one.status_code for one in changes] == [200, 400]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/_sandbox/weather", 404),
        ("POST", "/_sandbox/faults", 405),
        ("PUT", "/_sandbox/requests", 405),
        ("DELETE", "/_sandbox/clock", 405),
    ],
)
async def test_other_controls_are_refused(client: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    answer = await client.request(method, path)

    assert answer.status_code == status


def test_no_clock_goes_back() -> None:
    clocks: list[AdjustableClock] = [ManualClock(START), RunningClock(START)]

    for clock in clocks:
        with pytest.raises(ValueError, match="cannot go back"):
            clock.advance(-1)


async def test_the_server_stops_at_once_with_requests_and_connections_open(
    simulator: Simulator, vendor: Vendor, caplog: pytest.LogCaptureFixture
) -> None:
    vendor.open.clear()
    async with httpx.AsyncClient(trust_env=False) as client:
        async with asyncio.timeout(10), serving(simulator.app) as url:
            await client.get(f"{url}/_sandbox/clock")
            hanging = asyncio.create_task(client.get(f"{url}/things"))
            await vendor.arrivals.acquire()

        with pytest.raises(httpx.TransportError):
            await hanging

    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
