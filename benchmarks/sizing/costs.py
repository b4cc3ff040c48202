"""What an operation, a call, an event and a subscription cost: `costs.py` measures it, `capacity.py` spends it."""

from pathlib import Path
from typing import Final

import msgspec

REFERENCE_US: Final = 21.0
"""CPU time of the bare app for a request on a quiet machine, as in docs/performance.md: the unit of all tables."""

FILE: Final = Path(__file__).with_name("costs.json")


class Cost(msgspec.Struct, frozen=True):
    """What one of something takes; value.

    Args:
        cpu: CPU time of the gateway in microseconds.
        commands: Commands that Redis executes for it, those within scripts included.
        redis_cpu: CPU time of Redis in microseconds.
        received: Bytes that Redis receives.
        sent: Bytes that Redis sends.
        calls: Upstream calls.
    """

    cpu: float
    commands: float = 0.0
    redis_cpu: float = 0.0
    received: float = 0.0
    sent: float = 0.0
    calls: float = 0.0


class Costs(msgspec.Struct, frozen=True):
    """All that was measured; value.

    Args:
        measured: When and where.
        bare: CPU time in microseconds in which a bare ASGI app answers a request: the speed of the machine.
        costs: By name, see `NAMES`.
        subscription_bytes: Memory of one open subscription over a WebSocket.
        record_bytes: Memory of a cached record with the response that it is in.
        redis_connections: Connections that one process keeps to Redis.
    """

    measured: str
    bare: float
    costs: dict[str, Cost]
    subscription_bytes: float
    record_bytes: float
    redis_connections: float

    def __getitem__(self, name: str) -> Cost:
        return self.costs[name]

    def at(self, bare: float) -> "Costs":
        """Return the costs of a machine on which the bare app takes so many microseconds."""
        ratio = bare / self.bare
        scaled = {
            name: msgspec.structs.replace(cost, cpu=cost.cpu * ratio, redis_cpu=cost.redis_cpu * ratio)
            for name, cost in self.costs.items()
        }
        return msgspec.structs.replace(self, bare=bare, costs=scaled)

    def at_reference(self) -> "Costs":
        """Return the costs of the machine of docs/performance.md."""
        return self.at(REFERENCE_US)


NAMES: Final = {
    "hot": "an operation whose response this process has",
    "shared": "an operation that waits for an equal one",
    "record in Redis": "an operation whose record another process has read",
    "first": "an operation that is the first to read its record, one call",
    "cold": "the same with neither cache nor Redis",
    "new document": "parsing, validating and compiling, on top of the operation",
    "budget": "a caller's budget, on top of an operation",
    "paced call": "a call to an upstream with a rate limit, on top of the call",
    "subscribe": "a subscription to one record: WebSocket, operation, SNAPSHOT",
    "followed second": "a followed record, each second: the lease, timers and pings",
    "poll": "a poll that finds nothing new",
    "change": "a change by a mutation: sent, compared, logged, read from the log, without its delivery",
    "event": "an event delivered to one subscriber",
}
"""What is measured."""


def load(file: Path = FILE) -> Costs:
    """Return the costs of the last measurement."""
    return msgspec.json.decode(file.read_bytes(), type=Costs)


def save(costs: Costs, file: Path = FILE) -> None:
    """Keep the costs of a measurement."""
    file.write_bytes(msgspec.json.format(msgspec.json.encode(costs), indent=1) + b"\n")
