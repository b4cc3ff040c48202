"""How the states of workers become figures."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from gateway.status.elements import duration, milliseconds, number, size
from gateway.status.merge import make_status, quantile
from gateway.status.recent import Counted, RecentOperations, Window, added, grown
from gateway.status.worker import AddressState, WorkerState
from resolvers.events.activity import EventCounts

BOUNDS = (0.1, 0.2, 0.4)


@pytest.mark.parametrize(
    ("counts", "share", "expected"),
    [
        ([0, 0, 0, 0], 0.5, None),
        ([], 0.5, None),
        ([10, 0, 0, 0], 0.5, 50.0),
        ([0, 10, 0, 0], 0.5, 150.0),
        ([5, 0, 5, 0], 0.5, 100.0),
        ([5, 0, 5, 0], 0.95, 380.0),
        ([0, 0, 0, 3], 0.5, 400.0),
    ],
)
def test_a_quantile_lies_within_its_interval(counts: list[float], share: float, expected: float | None) -> None:
    assert quantile(counts, BOUNDS, share) == expected


def test_counters_grow_and_add_up_by_name() -> None:
    assert grown({("a",): [3, 4], ("b",): [1]}, {("a",): [1, 4]}) == {("a",): [2, 0], ("b",): [1]}
    assert grown({("a",): [1]}, {("a",): [1]}) == {}
    assert added([{("a",): [1, 2]}, {("a",): [3, 4], ("b",): [5]}]) == {("a",): [4, 6], ("b",): [5]}


def test_a_window_forgets_what_is_older_than_a_minute() -> None:
    now, total = 0.0, 0.0
    window = Window(lambda: {("calls",): [total]}, lambda: now)
    for _ in range(40):
        window.copy()
        now, total = now + 5, total + 1

    seconds, counted = window.last()

    assert (seconds, counted) == (65.0, {("calls",): [13.0]})


def fields(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - a line's fields
    line = {"operation": "One", "document": "ab" * 32, "caller": "jwt:https://issuer:person", "outcome": "partial"}
    return {**line, "codes": ["X"], "milliseconds": 5.0, "calls": {"SMS": 1}, **changes}


def test_operations_are_bounded_and_the_same_again_is_counted() -> None:
    recent = RecentOperations(lambda: 7.0, most=2)
    for changes in ({}, {"operation": "Two"}, {"milliseconds": 9.0, "document": "cd" * 32}, {"operation": "Three"}):
        recent.note(fields(**changes))

    assert [(one.operation, one.count, one.milliseconds) for one in recent.operations] == [
        ("Three", 1, 5.0),
        ("One", 2, 9.0),
    ]
    assert recent.operations[0].caller == "jwt"


ADDRESS = AddressState("SMS", "a.example", True, None, None, False, None, None, 1, 2, 3, None, False, None, 4)


def worker(addresses: Sequence[AddressState], recent: Counted | None = None) -> WorkerState:
    return WorkerState(
        version="1.0",
        pid=1,
        started_at=0.0,
        configured_at=0.0,
        draining=False,
        window=60.0,
        recent=list((recent or {}).items()),
        memory_bytes=1,
        in_flight=0,
        addresses=list(addresses),
        slow=[],
        entries=1,
        bytes=2,
        kinds={"delivery": 1},
        responses=0,
        response_bytes=0,
        redis=None,
        open_connections=0,
        events=EventCounts(0, 0, 0),
    )


async def test_the_same_operation_of_two_workers_is_shown_once() -> None:
    first, second = RecentOperations(lambda: 1.0), RecentOperations(lambda: 2.0)
    first.note(fields(milliseconds=9.0))
    second.note(fields())
    second.note(fields(operation="Two"))
    states = {
        number: msgspec.structs.replace(worker([]), slow=recent.operations)
        for number, recent in enumerate([first, second])
    }

    status = await make_status(states, None, lambda: 3.0)

    assert [(one.operation, one.count, one.max_ms, one.last_at[-3:]) for one in status.slow_operations] == [
        *(("Two", 1, 5.0, "02Z"), ("One", 2, 9.0, "02Z"))
    ]


def changed(**changes: Any) -> AddressState:  # noqa: ANN401 - an address's fields
    return msgspec.structs.replace(ADDRESS, **changes)


@pytest.mark.parametrize(
    ("addresses", "state"),
    [
        ([], "unconfigured"),
        ([changed(asked=False)], "unasked"),
        ([ADDRESS, changed(address="b", asked=False)], "up"),
        ([changed(learnt=True, rate=2.0)], "limited"),
        ([changed(rate=2.0)], "up"),
        ([changed(failing=True)], "failing"),
        ([changed(open_for=3.0, probe_in=0.5)], "down"),
        ([changed(open_for=3.0, probe_in=0.5), changed(address="b")], "failing"),
        ([changed(open_for=3.0, probe_in=0.5), changed(address="b", asked=False)], "down"),
    ],
)
async def test_the_state_of_an_upstream_follows_from_its_addresses(addresses: list[AddressState], state: str) -> None:
    status = await make_status({0: worker(addresses)}, None, lambda: 0.0)

    assert next(one.state for one in status.upstreams if one.name == "SMS") == state


async def test_what_workers_see_of_one_address_is_put_together() -> None:
    calls: Counted = {("calls", "SMS", "200"): [30], ("calls", "SMS", "503"): [10], ("calls", "SMS", "CANCELLED"): [5]}
    opened = changed(open_for=3.0, probe_in=0.5, error="X", error_ago=2.0)

    status = await make_status(
        {0: worker([ADDRESS], calls), 1: worker([opened], calls), 2: None}, None, lambda: 90_061.0
    )

    sms = next(one for one in status.upstreams if one.name == "SMS")
    (address,) = sms.addresses
    assert (address.in_flight, address.queued, address.paced, address.connections) == (2, 4, 6, 8)
    assert address.breaker is not None
    assert (address.breaker.workers, address.breaker.open_seconds) == (1, 3.0)
    assert sms.failure_ratio == 0.25
    assert sms.outcomes == {"200": 60.0, "503": 20.0, "CANCELLED": 10.0}
    assert (status.at, [one.state for one in status.workers]) == ("1970-01-02T01:01:01Z", ["up", "up", "silent"])
    assert [one.message for one in status.problems] == ["SMS is down", "Worker 2 does not answer"]


def test_figures_are_written_for_people() -> None:
    assert [number(1234567), number(4.25), number(12.0), number(0)] == ["1,234,567", "4.2", "12", "0"]
    assert [milliseconds(None), milliseconds(2.34), milliseconds(45.6), milliseconds(1234)] == [
        *("\N{EN DASH}", "2.3 ms", "46 ms", "1.2 s")
    ]
    assert [duration(4.2), duration(42), duration(75), duration(7_260), duration(180_000)] == [
        *("4.2 s", "42 s", "1 min 15 s", "2 h 1 min", "2 d 2 h")
    ]
    assert [size(2048), size(5_242_880)] == ["2 KiB", "5.0 MiB"]
