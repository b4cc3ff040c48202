"""Which upstream calls the things of each kind cost: the edges of the schema that ask an upstream."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from gateway.operations.cost.selection import Asked, Values
from resolvers.sms.jobs import NEEDS_NO_REPORT
from resolvers.upstreams.names import UpstreamName


class Operation(NamedTuple):
    """One of the vendors' operations, as calls are named."""

    upstream: UpstreamName
    name: str


Calls = Counter[Operation]
"""How often each operation is called."""


class Edge(NamedTuple):
    """A field that costs one call for each record that has it."""

    operation: Operation
    kind: str


EDGES: Final = {
    ("Delivery", "product"): Edge(Operation(UpstreamName.DELIVERIES, "product_of"), "Product"),
    ("Delivery", "dspUploadIdentification"): Edge(
        Operation(UpstreamName.DELIVERIES, "upload_identification_of"), "DspUploadIdentification"
    ),
    ("LogisticsTask", "organization"): Edge(Operation(UpstreamName.LOGISTICS, "organization_detail"), "Organization"),
    ("Organization", "roles"): Edge(Operation(UpstreamName.LOGISTICS, "list_roles"), "Role"),
}

FETCHES: Final = {
    "Delivery": Operation(UpstreamName.DELIVERIES, "delivery"),
    "Product": Operation(UpstreamName.DELIVERIES, "product"),
    "DspUploadIdentification": Operation(UpstreamName.DELIVERIES, "upload_identification"),
    "SmsJob": Operation(UpstreamName.SMS, "job_report"),
    "Recipient": Operation(UpstreamName.SMS, "recipients"),
    "LogisticsTask": Operation(UpstreamName.LOGISTICS, "platform_task_detail"),
    "Organization": Operation(UpstreamName.LOGISTICS, "organization_detail"),
}
"""What fetches one record of each kind."""

REPORT: Final = FETCHES["SmsJob"]
RECIPIENTS: Final = FETCHES["Recipient"]

TRACKABLE: Final = frozenset({"Delivery", "SmsJob", "Recipient", "LogisticsTask"})

MOST_A_DELIVERY: Final = 2
"""Calls for each of the deliveries asked for a few at a time: lists that bring none, and each by itself."""

REGARDING: Final = ("Delivery", "LogisticsTask")
"""What an SMS job can be sent about."""


@dataclass(eq=False)
class Records:
    """Some records of one kind; estimate lifetime.

    Args:
        kind: Such as `Delivery`.
        count: How many.
        tries: Calls that finding one takes: SMS jobs are sought in each data centre until their place is known.
        job: The jobs that recipients belong to.
    """

    kind: str
    count: int
    tries: int = 1
    job: "Records | None" = None
    fetched: set[Operation] = field(default_factory=set)
    edges: dict[str, "Records"] = field(default_factory=dict)


class Asking:
    """Adds up the calls of what is asked of records; estimate lifetime.

    Args:
        values: Of variables, for conditions.

    Attributes:
        calls: What has been added up so far.
    """

    def __init__(self, values: Values) -> None:
        self._values = values
        self.calls: Calls = Counter()

    def fetch(self, records: Records, operation: Operation) -> None:
        """Add the calls that something of these records costs, unless they were added before: loaders ask once."""
        if operation not in records.fetched:
            records.fetched.add(operation)
            self.calls[operation] += records.count * records.tries

    def applying(self, below: Iterable[Asked], kind: str | None = None) -> Iterator[Asked]:
        """The fields that are asked of a kind of record, or of a type that is none."""
        for asked in below:
            if _applies(asked, kind) and self._values.holds(asked.conditions):
                yield asked

    def ask(self, records: Records, below: Iterable[Asked]) -> None:
        """Add the calls that these selections of the records cost."""
        for asked in self.applying(below, records.kind):
            edge = EDGES.get((records.kind, asked.name))
            if edge is not None:
                self.fetch(records, edge.operation)
                self.ask(records.edges.setdefault(asked.name, Records(edge.kind, records.count)), asked.below)
            elif records.kind == "SmsJob":
                self._ask_job(records, asked)
            elif asked.name == "job" and records.job is not None:
                self.ask_report(records.job, asked.below)

    def ask_report(self, jobs: Records, below: Iterable[Asked]) -> None:
        """Add the calls of jobs that are read whatever is asked of them."""
        self.fetch(jobs, REPORT)
        self.ask(jobs, below)

    def ask_page(self, records: Records, below: Iterable[Asked]) -> None:
        """Add the calls of a connection's selections; nodes and edges are the same records."""
        for asked in self.applying(below):
            if asked.name == "nodes":
                self.ask(records, asked.below)
            elif asked.name == "edges":
                for node in self.applying(asked.below):
                    if node.name == "node":
                        self.ask(records, node.below)

    def ask_recipients(self, jobs: Records, below: Iterable[Asked]) -> None:
        """Add the calls of a connection of the jobs' recipients."""
        self.fetch(jobs, RECIPIENTS)
        self.ask_page(jobs.edges.setdefault("recipients", Records("Recipient", jobs.count, job=jobs)), below)

    def _ask_job(self, jobs: Records, asked: Asked) -> None:
        if asked.name == "recipients":
            self.ask_recipients(jobs, asked.below)
        elif asked.name == "recipientSummary":
            self.fetch(jobs, RECIPIENTS)
        elif asked.name not in NEEDS_NO_REPORT:
            self.fetch(jobs, REPORT)
            if asked.name == "regarding":
                self._ask_regarding(jobs, asked)

    def _ask_regarding(self, jobs: Records, asked: Asked) -> None:
        """Add whichever costs more: nobody knows beforehand what the jobs are about."""
        dearest: Calls = Counter()
        for kind in REGARDING:
            asking = Asking(self._values)
            records = Records(kind, jobs.count)
            asking.calls[FETCHES[kind]] += jobs.count * (MOST_A_DELIVERY if kind == "Delivery" else 1)
            asking.ask(records, asked.below)
            dearest = max(dearest, asking.calls, key=Counter.total)
        self.calls += dearest


def _applies(asked: Asked, kind: str | None) -> bool:
    if kind is None or not asked.types:
        return True
    own = {kind, "Node", "Trackable"} if kind in TRACKABLE else {kind, "Node"}
    return asked.types <= own
