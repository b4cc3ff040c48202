"""Metrics of upstreams: the calls that are over, and the state of each upstream's addresses."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf
from typing import TypeAlias, get_args

import msgspec
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from gateway.composition.upstreams import CertificateEnd
from gateway.telemetry.families import counters, gauges, histograms
from resolvers.histogram import Histogram
from resolvers.upstreams.call import Call
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.transport.health import BreakerState
from resolvers.upstreams.transport.stack import Stack

Labels: TypeAlias = list[str]


class Counts(msgspec.Struct):
    """Calls of one upstream operation with the same outcome; process lifetime.

    Args:
        calls: Number of calls.
        tries: Number of requests, retries included.
        seconds: Their durations.
    """

    calls: int = 0
    tries: int = 0
    seconds: Histogram = msgspec.field(default_factory=Histogram)

    def add(self, other: "Counts") -> None:
        """Add other counts to these."""
        self.calls += other.calls
        self.tries += other.tries
        self.seconds.merge(other.seconds)


class CallMetrics(Collector):
    """Counts finished upstream calls; process lifetime."""

    def __init__(self) -> None:
        self._counts: dict[tuple[UpstreamName, str, int | str], Counts] = {}

    @property
    def counts(self) -> Mapping[tuple[UpstreamName, str, int | str], Counts]:
        """The counts by upstream, operation and outcome."""
        return self._counts

    def observe(self, call: Call, outcome: int | str, seconds: float) -> None:
        """Count a finished call."""
        # `get` first, because `setdefault` alone would make a `Counts` for each call.
        key = (call.upstream, call.operation, outcome)
        counts = self._counts.get(key) or self._counts.setdefault(key, Counts())
        counts.calls += 1
        counts.tries += call.tries
        counts.seconds.add(seconds)

    def collect(self) -> Iterable[Metric]:
        """Return the counts as metrics."""
        # Labelled by the gateway's names of operations, never by paths, which hold ids and sometimes secrets.
        by_operation = ["upstream", "operation"]
        finished = [
            ([upstream.name, operation, str(outcome)], counts.calls)
            for (upstream, operation, outcome), counts in self._counts.items()
        ]
        outcomes = "Calls to upstreams, by the answer's status or the error's code."
        yield counters("gateway_upstream_calls", outcomes, [*by_operation, "outcome"], finished)
        totals = self._by_operation()
        sent = [(labels, counts.tries) for labels, counts in totals]
        yield counters(
            "gateway_upstream_tries", "Requests that these calls sent, retries among them.", by_operation, sent
        )
        seconds = [(labels, counts.seconds) for labels, counts in totals]
        took = "What calls took in all: waits, tries and the pauses between them."
        yield histograms("gateway_upstream_call_seconds", took, by_operation, seconds)

    def _by_operation(self) -> list[tuple[Labels, Counts]]:
        totals: dict[tuple[UpstreamName, str], Counts] = {}
        for (upstream, operation, _), counts in self._counts.items():
            totals.setdefault((upstream, operation), Counts()).add(counts)
        return [([upstream.name, operation], counts) for (upstream, operation), counts in totals.items()]


Addresses: TypeAlias = Mapping[UpstreamName, Sequence[Stack]]
"""The policies around each address of each upstream."""


def certificate_metric(ends: Iterable[CertificateEnd]) -> Metric:
    """Return when the first certificate of each upstream and side ends."""
    # The first of all accounts: tenants are named to nobody who may read the metrics without credentials.
    first: dict[tuple[str, str], float] = {}
    for upstream, side, ends_at in ends:
        first[upstream.name, side] = min(ends_at, first.get((upstream.name, side), inf))
    meaning = "When the first certificate ends, in seconds since 1970."
    return gauges("gateway_certificate_expiry_seconds", meaning, ["upstream", "side"], first.items())


def address_metrics(addresses: Addresses) -> Iterable[Metric]:
    """Yield the state of the addresses, by their upstream."""
    # Addresses are added up and not named, because the location of an upstream may be confidential.
    yield from _breakers(addresses)
    yield from _load(addresses)
    yield from _pace(addresses)


def _breakers(addresses: Addresses) -> Iterable[Metric]:
    known = "Addresses of an upstream, by the limits they are asked with."
    yield _gauge("gateway_upstream_addresses", known, addresses, len)
    not_closed = "Addresses of an upstream whose breaker is open."
    yield _gauge("gateway_upstream_breakers_open", not_closed, addresses, _not_closed)
    states = [
        ([upstream.name, state], sum(one.health.breaker == state for one in found))
        for upstream, found in addresses.items()
        # Every state, so that the series of one does not vanish when it ends.
        for state in get_args(BreakerState)
    ]
    yield gauges(
        "gateway_upstream_breakers", "Addresses, by the state of their breaker.", ["upstream", "state"], states
    )


def _not_closed(found: Sequence[Stack]) -> int:
    return sum(one.health.breaker != "closed" for one in found)


def _load(addresses: Addresses) -> Iterable[Metric]:
    yield _gauge(
        "gateway_upstream_calls_in_flight",
        "Calls that are sent and not answered.",
        addresses,
        lambda found: sum(one.limit.in_flight for one in found),
    )
    waiting = [
        ([upstream.name, what], count)
        for upstream, found in addresses.items()
        for what, count in (
            ("slot", sum(one.limit.waiting for one in found)),
            ("turn", sum(one.pacing.waiting for one in found)),
        )
    ]
    yield gauges(
        "gateway_upstream_calls_waiting",
        "Calls that wait, for a slot or for their turn.",
        ["upstream", "reason"],
        waiting,
    )
    slots = [([upstream.name], _merged(one.limit.waits for one in found)) for upstream, found in addresses.items()]
    yield histograms("gateway_upstream_slot_wait_seconds", "How long calls waited for a slot.", ["upstream"], slots)
    turns = [([upstream.name], _merged(one.pacing.waits for one in found)) for upstream, found in addresses.items()]
    yield histograms("gateway_upstream_turn_wait_seconds", "How long calls waited for a turn.", ["upstream"], turns)


def _pace(addresses: Addresses) -> Iterable[Metric]:
    slowest = "Calls a second that an upstream takes by the lowest of its limits; infinite where none is known."
    yield _gauge("gateway_upstream_calls_per_second_limit", slowest, addresses, _slowest)
    closed = "Seconds for which calls are still held back."
    yield _gauge("gateway_upstream_closed_seconds", closed, addresses, _closed_for)


def _slowest(found: Sequence[Stack]) -> float:
    return min((one.health.per_second for one in found), default=inf)


def _closed_for(found: Sequence[Stack]) -> float:
    return max((one.health.closed_for for one in found), default=0.0)


def _merged(waits: Iterable[Histogram]) -> Histogram:
    total = Histogram()
    for one in waits:
        total.merge(one)
    return total


def _gauge(name: str, meaning: str, addresses: Addresses, value: Callable[[Sequence[Stack]], float]) -> Metric:
    return gauges(
        name, meaning, ["upstream"], [([upstream.name], value(found)) for upstream, found in addresses.items()]
    )
