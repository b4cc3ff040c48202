"""The measured operations, as a client would write them, and the check that a response is complete."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import orjson

from measuring.bodies import DELIVERIES_A_PAGE, JOBS_A_LIST, TASKS, job_id, task_id

DIFFERENT: Final = 2000
"""Number of distinct requests sent in turn where none may be answered from an earlier one."""


@dataclass(frozen=True)
class Workload:
    """One measured operation.

    Args:
        name: The name in tables.
        calls: Upstream calls without caches.
        document: The document, valid on the gateway and on the plain server.
        variables: Returns the variables of a request by its number.
        leaf: A key in the response.
        leaves: How often a complete response contains the key.
    """

    name: str
    calls: int
    document: str
    variables: Callable[[int], dict[str, Any]]
    leaf: str
    leaves: int

    @property
    def connections(self) -> int:
        """Concurrent connections: fewer for more calls, since httpx's pool does not cope with a thousand."""
        return max(4, min(16, 160 // self.calls))

    def bodies(self, count: int = DIFFERENT) -> list[bytes]:
        """Return the bodies of `count` distinct requests."""
        return [orjson.dumps({"query": self.document, "variables": self.variables(number)}) for number in range(count)]

    def is_whole(self, answer: bytes) -> bool:
        """Return whether a response is complete and has no errors."""
        return b'"errors"' not in answer and answer.count(f'"{self.leaf}"'.encode()) == self.leaves


LIST: Final = Workload(
    "list",
    1,
    """
    query ($product: ID!) {
      deliveries(first: 100, filter: { productId: $product }) {
        nodes { id deliverable type status priority createdAt }
      }
    }
    """,
    lambda number: {"product": str(number + 1)},
    "createdAt",
    DELIVERIES_A_PAGE,
)

FAN: Final = Workload(
    "fan",
    1 + 2 * JOBS_A_LIST,
    """
    query ($from: DateTime!) {
      smsJobs(first: 20, from: $from, to: "2024-03-20T00:00:00Z") {
        nodes { jobId qos finishedAt recipients { nodes { smsId destination status } } }
      }
    }
    """,
    lambda number: {"from": f"2024-03-01T00:{number // 60 % 60:02d}:{number % 60:02d}+00:00"},
    "smsId",
    4 * JOBS_A_LIST,
)

CROSS: Final = Workload(
    "cross",
    5,
    """
    query ($delivery: ID!, $job: ID!, $task: ID!, $quote: PriceQuoteInput!) {
      delivery(id: $delivery) { id status type }
      smsJob(id: $job) { jobId qos recipients { nodes { smsId destination status } } }
      logisticsTask(id: $task) { id trackingId status price { amount currency } dropoff { contact { name phone } } }
      priceQuote(input: $quote) { total { amount currency } average { amount } }
    }
    """,
    lambda number: {
        "delivery": str(number % DELIVERIES_A_PAGE + 1),
        "job": job_id(number % JOBS_A_LIST),
        "task": task_id(number % TASKS),
        "quote": {
            "serviceType": "CAR",
            "stops": [{"latitude": 1.2 + number / 10_000, "longitude": 103.8}, {"latitude": 1.3, "longitude": 103.9}],
        },
    },
    "smsId",
    4,
)

WORKLOADS: Final = (LIST, FAN, CROSS)


def tasks_workload(calls: int) -> Workload:
    """Return a workload that reads `calls` tasks by id: the API returns one task for each call."""
    return Workload(
        f"{calls} tasks",
        calls,
        "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on LogisticsTask { taskId status price { amount } } } }",
        lambda number: {"ids": [_global_task_id((number + place) % TASKS) for place in range(calls)]},
        "taskId",
        calls,
    )


def delivery_workload() -> Workload:
    """Return a workload that reads one delivery by id, a different one for each request."""
    return Workload(
        "delivery",
        1,
        "query ($id: ID!) { delivery(id: $id) { id status priority createdAt } }",
        lambda number: {"id": str(number + 1)},
        "priority",
        1,
    )


def _global_task_id(number: int) -> str:
    return f"LogisticsTask:{task_id(number)}"
