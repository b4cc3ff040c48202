"""Adds up the upstream calls that records cost: finding them, and what their fields ask an upstream for."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from gateway.operations.cost.selection import Asked, Values
from resolvers.catalogue import record_types
from resolvers.sms.jobs import NEEDS_NO_REPORT
from resolvers.upstreams import operations
from resolvers.upstreams.operations import Operation
from schema.prices import CallForEach, JobOfRecipient, OneOfKinds, RecipientsOfJob

Calls = Counter[Operation]
"""How often each operation is called."""

REPORT: Final = operations.JOB_REPORT
RECIPIENTS: Final = operations.RECIPIENTS

MOST_A_DELIVERY: Final = 2
"""Calls for each of the deliveries asked for a few at a time: lists that bring none, and each by itself."""


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
            if _applies(asked, kind) and (not asked.conditions or self._values.holds(asked.conditions)):
                yield asked

    def ask(self, records: Records, below: Iterable[Asked]) -> None:
        """Add the calls that these selections of the records cost."""
        for asked in self.applying(below, records.kind):
            if records.kind == "SmsJob" and asked.name not in NEEDS_NO_REPORT:
                self.fetch(records, REPORT)
            if asked.price.calls is not None:
                self._ask_field(records, asked)

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

    def _ask_field(self, records: Records, asked: Asked) -> None:
        match asked.price.calls:
            case CallForEach(operation, kind):
                self.fetch(records, operation)
                self.ask(records.edges.setdefault(asked.name, Records(kind, records.count)), asked.below)
            case RecipientsOfJob():
                self.ask_recipients(records, asked.below)
            case JobOfRecipient() if records.job is not None:
                self.ask_report(records.job, asked.below)
            case OneOfKinds(kinds):
                self._ask_dearest(kinds, records.count, asked)

    def _ask_dearest(self, kinds: Iterable[str], count: int, asked: Asked) -> None:
        """Add the kind that costs most: of which kind the records are is not known beforehand."""
        dearest: Calls = Counter()
        for kind in kinds:
            asking = Asking(self._values)
            asking.calls[fetch_of(kind)] += count * (MOST_A_DELIVERY if kind == "Delivery" else 1)
            asking.ask(Records(kind, count), asked.below)
            dearest = max(dearest, asking.calls, key=Counter.total)
        self.calls += dearest


def _applies(asked: Asked, kind: str | None) -> bool:
    if kind is None or not asked.types:
        return True
    found = record_types().get(kind)
    own = {kind, "Node", "Trackable"} if found is not None and found.tracked is not None else {kind, "Node"}
    return asked.types <= own


def fetch_of(kind: str) -> Operation:
    """Return the operation that fetches one record of a type.

    Raises:
        LookupError: The catalogue has no such type, or none that one call fetches.
    """
    operation = record_types()[kind].kind.operation
    if operation is None:
        raise LookupError(f"No operation is declared for {kind}: give its CachedKind one, so that it can be estimated.")
    return operation
