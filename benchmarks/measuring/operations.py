"""What is asked for: operations as a client would write them, and how their answers are known to be whole."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import orjson

from measuring.bodies import DELIVERIES_A_PAGE, JOBS_A_LIST, TASKS, job_id, task_id

DIFFERENT: Final = 2000
"""How many different requests take turns where none may be answered by what an earlier one left."""


@dataclass(frozen=True)
class Workload:
    """One operation; a value.

    Args:
        name: In tables.
        calls: How many upstream calls it takes where nothing is kept.
        document: Runs on the gateway and on the plain server alike.
        variables: By the request's number.
        leaf: A key of the answer.
        leaves: How often a whole answer has it.
    """

    name: str
    calls: int
    document: str
    variables: Callable[[int], dict[str, Any]]
    leaf: str
    leaves: int

    @property
    def connections(self) -> int:
        """How many ask for it at once: fewer the more calls it takes, since httpx's own pool bears no thousand."""
        return max(4, min(16, 160 // self.calls))

    def bodies(self, count: int = DIFFERENT) -> list[bytes]:
        """The bodies of that many different requests."""
        return [orjson.dumps({"query": self.document, "variables": self.variables(number)}) for number in range(count)]

    def is_whole(self, answer: bytes) -> bool:
        """Whether an answer has all that was asked for, and no errors."""
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
    """As many tasks by id as upstream calls are wanted: that API gives one task a call."""
    return Workload(
        f"{calls} tasks",
        calls,
        "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on LogisticsTask { taskId status price { amount } } } }",
        lambda number: {"ids": [_global_task_id((number + place) % TASKS) for place in range(calls)]},
        "taskId",
        calls,
    )


def delivery_workload() -> Workload:
    """One delivery by its id, each request another one."""
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
