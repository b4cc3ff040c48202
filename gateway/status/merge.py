"""Makes the status document of the states of all workers."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Final

import msgspec

from gateway.operations.cost.budget import Budgets
from gateway.status.document import (
    Address,
    Breaker,
    Cache,
    CacheKind,
    CallerStatus,
    Durations,
    LastError,
    OperationsStatus,
    Problem,
    RateLimit,
    RedisStatus,
    SlowOperationStatus,
    Status,
    SubscriptionsStatus,
    Upstream,
    WorkerStatus,
)
from gateway.status.recent import (
    COPY_SECONDS,
    MAX_OPERATIONS,
    Counted,
    Numbers,
    SlowOperation,
    added,
    same_operations_counted,
)
from gateway.status.worker import AddressState, WorkerState
from gateway.telemetry.cache_metrics import OUTCOMES
from gateway.telemetry.event_loop import BOUNDS
from gateway.telemetry.operation_metrics import KEY_PREFIX, OperationCounts
from resolvers.cache.redis_link import CacheCounts
from resolvers.histogram import SECONDS
from resolvers.upstreams.names import UpstreamName

STATES: Final = ("down", "failing", "limited", "up", "unasked", "unconfigured")
"""The states of an upstream, the worst first."""

FAILURES: Final = frozenset({"UPSTREAM_UNAVAILABLE", "UPSTREAM_TIMEOUT", "UPSTREAM_BAD_ANSWER"})
CANCELLED: Final = "CANCELLED"
"""Outcomes of calls that count as failures, beside 5xx, and the one that counts as nothing, as in the alerts."""

MINUTE: Final = 60.0


class Rates:
    """Turns counts of a window into figures a minute and durations. Lifetime: one document.

    Args:
        counted: How counters grew.
        seconds: In which time.
    """

    def __init__(self, counted: Counted, seconds: float) -> None:
        self._counted = counted
        # A process that has just started would extrapolate one call to hundreds.
        self._scale = MINUTE / max(seconds, COPY_SECONDS)

    def per_minute(self, count: float) -> float:
        """Return a count of the window as one of a minute."""
        return round(count * self._scale, 1)

    def durations(self, *name: str) -> Durations:
        """Return what a histogram of seconds says."""
        return self.durations_of(self._counted.get(name, []))

    def durations_of(self, counts: Numbers) -> Durations:
        """Return what the counts of a histogram of seconds say."""
        return Durations(self.per_minute(sum(counts)), quantile(counts, SECONDS, 0.5), quantile(counts, SECONDS, 0.95))

    def labelled(self, name: str) -> dict[str, Numbers]:
        """Return the counters of a name and one label, by the label."""
        return {key[1]: numbers for key, numbers in self._counted.items() if key[0] == name and len(key) == 2}

    def outcomes(self, upstream: str) -> dict[str, float]:
        """Return the calls of an upstream by outcome, in the window."""
        prefix = ("calls", upstream)
        return {key[2]: numbers[0] for key, numbers in sorted(self._counted.items()) if key[:2] == prefix}

    def fields(self, name: str, struct: type[msgspec.Struct]) -> dict[str, float]:
        """Return the counters that are the fields of a struct, a minute, without those that are zero."""
        numbers = self._counted.get((name,), [])
        return {
            field: self.per_minute(count)
            for field, count in zip(struct.__struct_fields__, numbers, strict=False)
            if count
        }


def quantile(counts: Numbers, bounds: Sequence[float], share: float) -> float | None:
    """Return the value in milliseconds below which a share of a histogram's values lie; None for an empty one."""
    rank, below = share * sum(counts), 0.0
    if not rank:
        return None
    for index, count in enumerate(counts):
        if count and below + count >= rank:
            lower = bounds[index - 1] if index else 0.0
            # Beyond the last bound nothing is known but that bound.
            upper = bounds[min(index, len(bounds) - 1)]
            return round(1000 * (lower + (upper - lower) * (rank - below) / count), 1)
        below += count
    return None


async def make_status(
    states: Mapping[int, WorkerState | None], budgets: Budgets | None, now: Callable[[], float]
) -> Status:
    """Return the status of the gateway.

    Args:
        states: By the worker's number; None for a worker that did not answer.
        budgets: The callers' budgets; None where there are none.
        now: The wall clock, in seconds since 1970.
    """
    known = [state for state in states.values() if state is not None]
    window = max((state.window for state in known), default=0.0)
    rates = Rates(added(dict(state.recent) for state in known), window)
    upstreams = [_upstream(name.name, known, rates) for name in UpstreamName.known()]
    redis, workers = _redis(known, rates), [_worker(number, state, now()) for number, state in states.items()]
    problems = [*_upstream_problems(upstreams), *_process_problems(redis, workers)]
    return Status(
        at=_iso(now()),
        state=_overall(upstreams, problems),
        problems=problems,
        window_seconds=round(window, 1),
        operations=_operations(known, rates),
        upstreams=upstreams,
        callers=[await _caller(name, counts, rates, budgets) for name, counts in _busiest(rates)],
        slow_operations=_slow(known),
        cache=_cache(known, rates),
        redis=redis,
        subscriptions=_subscriptions(known),
        workers=workers,
    )


def _overall(upstreams: Iterable[Upstream], problems: Sequence[Problem]) -> str:
    if any(upstream.state == "down" for upstream in upstreams):
        return "down"
    return "failing" if problems else "up"


def _upstream_problems(upstreams: Iterable[Upstream]) -> list[Problem]:
    said = {"down": "is down", "failing": "is failing", "limited": "limits the rate of calls"}
    return [Problem(one.name, one.state, f"{one.name} {said[one.state]}") for one in upstreams if one.state in said]


def _process_problems(redis: RedisStatus, workers: Iterable[WorkerStatus]) -> list[Problem]:
    names = [f"Worker {worker.number}" for worker in workers if worker.state == "silent"]
    silent = [Problem(name, "silent", f"{name} does not answer") for name in names]
    away = [Problem("Redis", redis.state, "Redis is away")] if redis.state in {"away", "partly"} else []
    return [*silent, *away]


def _upstream(name: str, states: Iterable[WorkerState], rates: Rates) -> Upstream:
    seen = sorted((one for state in states for one in state.addresses if one.upstream == name), key=_by_address)
    addresses = [_address(address, list(group)) for address, group in groupby(seen, _by_address)]
    outcomes = rates.outcomes(name)
    judged = sum(count for outcome, count in outcomes.items() if outcome != CANCELLED)
    failed = sum(count for outcome, count in outcomes.items() if outcome in FAILURES or outcome.startswith("5"))
    return Upstream(
        name,
        _state_of({address.state for address in addresses}),
        rates.durations("seconds", name),
        round(failed / judged, 4) if judged else None,
        {outcome: rates.per_minute(count) for outcome, count in outcomes.items()},
        addresses,
    )


def _state_of(states: set[str]) -> str:
    """Return the state of an upstream by those of its addresses."""
    if not states:
        return "unconfigured"
    known = states - {"unasked"}
    # One of several addresses that is down leaves the others.
    if "down" in known and known != {"down"}:
        return "failing"
    return _worst(known or states)


def _worst(states: Iterable[str]) -> str:
    return min(states, key=STATES.index)


def _by_address(state: AddressState) -> str:
    return state.address


def _address(address: str, seen: Sequence[AddressState]) -> Address:
    opened = [(one.open_for, one.probe_in) for one in seen if one.open_for is not None and one.probe_in is not None]
    errors = [(one.error_ago, one.error) for one in seen if one.error is not None and one.error_ago is not None]
    last = min(errors, default=None)
    return Address(
        address=address,
        state=_worst(_address_state(one) for one in seen),
        breaker=Breaker(round(max(opened)[0], 1), round(min(one for _, one in opened), 1), len(opened))
        if opened
        else None,
        last_error=None if last is None else LastError(last[1], round(last[0], 1)),
        rate_limit=_rate_limit(seen),
        in_flight=sum(one.in_flight for one in seen),
        queued=sum(one.queued for one in seen),
        paced=sum(one.paced for one in seen),
        connections=sum(one.connections for one in seen),
    )


def _address_state(one: AddressState) -> str:
    if one.open_for is not None:
        return "down"
    if one.failing:
        return "failing"
    if one.learnt or one.closed_for is not None:
        return "limited"
    return "up" if one.asked else "unasked"


def _rate_limit(seen: Iterable[AddressState]) -> RateLimit | None:
    limits = [one for one in seen if one.rate is not None or one.closed_for is not None]
    if not limits:
        return None
    rates = [one.rate for one in limits if one.rate is not None]
    closed = [one.closed_for for one in limits if one.closed_for is not None]
    return RateLimit(
        round(min(rates), 2) if rates else None,
        any(one.learnt for one in limits),
        round(max(closed), 1) if closed else None,
    )


def _operations(states: Iterable[WorkerState], rates: Rates) -> OperationsStatus:
    by_caller = rates.labelled("caller")
    every = [sum(numbers) for numbers in zip(*by_caller.values(), strict=True)]
    return OperationsStatus(
        rates.durations_of(every),
        rates.fields("operations", OperationCounts),
        sum(state.in_flight for state in states),
    )


def _busiest(rates: Rates) -> list[tuple[str, Numbers]]:
    return sorted(rates.labelled("caller").items(), key=lambda caller: -sum(caller[1]))


async def _caller(name: str, counts: Numbers, rates: Rates, budgets: Budgets | None) -> CallerStatus:
    # Persons are shown by their kind, and each has a budget of their own.
    has_one = budgets is not None and (name.startswith(KEY_PREFIX) or name == "anonymous")
    left = await budgets.left(name) if budgets is not None and has_one else None
    budget = budgets.calls_per_minute if budgets is not None and has_one else None
    return CallerStatus(name, rates.durations_of(counts), left, budget)


def _slow(states: Iterable[WorkerState]) -> list[SlowOperationStatus]:
    every = (one for state in states for one in state.slow)
    return [_slow_operation(one) for one in same_operations_counted(every, MAX_OPERATIONS)]


def _slow_operation(one: SlowOperation) -> SlowOperationStatus:
    return SlowOperationStatus(
        one.operation, one.document, one.caller, one.outcome, one.codes, one.count, one.milliseconds, one.calls,
        _iso(one.at),
    )  # fmt: skip


def _cache(states: Sequence[WorkerState], rates: Rates) -> Cache:
    entries: Counter[str] = Counter()
    for state in states:
        entries.update(state.kinds)
    reads = rates.labelled("reads")
    every = [sum(numbers) for numbers in zip(*reads.values(), strict=True)]
    return Cache(
        hit_ratio=_hit_ratio(every),
        reads={outcome: rates.per_minute(count) for outcome, count in zip(OUTCOMES, every, strict=False) if count},
        entries=sum(state.entries for state in states),
        bytes=sum(state.bytes for state in states),
        kinds=[
            CacheKind(
                kind, entries[kind], rates.per_minute(_asked(reads.get(kind, []))), _hit_ratio(reads.get(kind, []))
            )
            for kind in sorted(entries.keys() | reads.keys(), key=lambda kind: (-entries[kind], kind))
        ],
        responses=sum(state.responses for state in states),
        response_bytes=sum(state.response_bytes for state in states),
    )


def _asked(reads: Numbers) -> float:
    """Return how many records were read. Those from Redis are among the misses of this process's memory."""
    counts = dict(zip(OUTCOMES, reads, strict=False))
    return sum(count for outcome, count in counts.items() if outcome != "from_redis")


def _hit_ratio(reads: Numbers) -> float | None:
    counts = dict(zip(OUTCOMES, reads, strict=False))
    asked = _asked(reads)
    return round((counts["hits"] + counts["stale"]) / asked, 4) if asked else None


def _redis(states: Iterable[WorkerState], rates: Rates) -> RedisStatus:
    seen = {state.redis for state in states}
    if True in seen and False in seen:
        state = "partly"
    else:
        state = "up" if True in seen else "away" if False in seen else "none"
    return RedisStatus(state, rates.fields("cache", CacheCounts).get("redis_failures", 0.0))


def _subscriptions(states: Sequence[WorkerState]) -> SubscriptionsStatus:
    return SubscriptionsStatus(
        sum(state.open_connections for state in states),
        sum(state.events.followed for state in states),
        sum(state.events.polled for state in states),
        sum(state.events.leases for state in states),
    )


def _worker(number: int, state: WorkerState | None, now: float) -> WorkerStatus:
    if state is None:
        return WorkerStatus(number, "silent")
    counted = dict(state.recent)
    cpu = counted.get(("cpu",), [0.0])[0]
    return WorkerStatus(
        number,
        "draining" if state.draining else "up",
        state.version,
        state.pid,
        _iso(state.started_at),
        round(now - state.started_at, 1),
        round(now - state.configured_at, 1),
        state.memory_bytes,
        round(100 * cpu / state.window, 1) if state.window else None,
        quantile(counted.get(("lag",), []), BOUNDS, 0.95),
        state.in_flight,
    )


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
