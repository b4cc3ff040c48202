"""The shape of the status as one JSON document, which docs/runbook.md describes.

All of it are values. Durations end in `_ms` or `_seconds`, and moments are in ISO 8601. Figures a minute are those of
the last minute.
"""

import msgspec


class Durations(msgspec.Struct, frozen=True):
    """How often something happened in the last minute, and how long it took; durations are None where it did not."""

    per_minute: float
    p50_ms: float | None
    p95_ms: float | None


class Breaker(msgspec.Struct, frozen=True):
    """An open breaker: for how long, when the next call is let through, and in how many workers."""

    open_seconds: float
    probe_in_seconds: float
    workers: int


class LastError(msgspec.Struct, frozen=True):
    """The last failure of an address."""

    code: str
    seconds_ago: float


class RateLimit(msgspec.Struct, frozen=True):
    """A rate limit in force: calls a second where a rate is known, and how long no call is sent."""

    per_second: float | None
    learnt: bool
    closed_seconds: float | None


class Address(msgspec.Struct, frozen=True):
    """One address of an upstream, as all workers see it."""

    address: str
    state: str
    breaker: Breaker | None
    last_error: LastError | None
    rate_limit: RateLimit | None
    in_flight: int
    queued: int
    paced: int
    connections: int


class Upstream(msgspec.Struct, frozen=True):
    """One upstream; `outcomes` are calls in the last minute by status or code."""

    name: str
    state: str
    calls: Durations
    failure_ratio: float | None
    outcomes: dict[str, float]
    addresses: list[Address]


class CallerStatus(msgspec.Struct, frozen=True):
    """One caller, or one kind of them; the budget is in upstream calls, None where there is none or many."""

    name: str
    operations: Durations
    budget_left: int | None
    budget: int | None


class SlowOperationStatus(msgspec.Struct, frozen=True):
    """An operation that failed or was slow; see `SlowOperation`."""

    operation: str | None
    document: str | None
    caller: str
    outcome: str
    codes: list[str]
    count: int
    max_ms: float
    calls: dict[str, int]
    last_at: str


class CacheKind(msgspec.Struct, frozen=True):
    """One kind of records: how many there are, how often they were read, and the share found in memory."""

    name: str
    entries: int
    reads_per_minute: float
    hit_ratio: float | None


class Cache(msgspec.Struct, frozen=True):
    """The caches of all workers; `reads` are those of records in the last minute, by how they were answered."""

    hit_ratio: float | None
    reads: dict[str, float]
    entries: int
    bytes: int
    kinds: list[CacheKind]
    responses: int
    response_bytes: int


class RedisStatus(msgspec.Struct, frozen=True):
    """Redis: `none` (not configured), `up`, `away`, or `partly` (some workers have lost it)."""

    state: str
    failures_per_minute: float


class SubscriptionsStatus(msgspec.Struct, frozen=True):
    """What the workers do for subscribers."""

    open_connections: int
    followed_records: int
    polled_records: int
    polling_leases: int


class WorkerStatus(msgspec.Struct, frozen=True):
    """One worker; `state` is `up`, `draining` or `silent`, and a silent one has nothing else."""

    number: int
    state: str
    version: str | None = None
    pid: int | None = None
    started_at: str | None = None
    uptime_seconds: float | None = None
    config_age_seconds: float | None = None
    memory_bytes: int | None = None
    cpu_percent: float | None = None
    loop_lag_p95_ms: float | None = None
    operations_in_flight: int | None = None


class OperationsStatus(msgspec.Struct, frozen=True):
    """The operations of all callers; `outcomes` are those of the last minute."""

    durations: Durations
    outcomes: dict[str, float]
    in_flight: int


class Problem(msgspec.Struct, frozen=True):
    """What an operator should know first: what it is about, its state, and both in words."""

    about: str
    state: str
    message: str


class Status(msgspec.Struct, frozen=True):
    """The whole document."""

    at: str
    state: str
    problems: list[Problem]
    window_seconds: float
    operations: OperationsStatus
    upstreams: list[Upstream]
    callers: list[CallerStatus]
    slow_operations: list[SlowOperationStatus]
    cache: Cache
    redis: RedisStatus
    subscriptions: SubscriptionsStatus
    workers: list[WorkerStatus]
