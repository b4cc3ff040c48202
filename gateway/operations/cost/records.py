"""Adds up the upstream calls that records cost: the reads of the records, and the calls of their own fields."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from gateway.operations.cost.selection import PricedField, Values
from resolvers.catalogue import record_types
from resolvers.sms.jobs import NEEDS_NO_REPORT
from resolvers.upstreams import operations
from resolvers.upstreams.operations import Operation
from schema.prices import CallForEach, JobOfRecipient, JobsAboutRecord, OneOfKinds, RecipientsOfJob

Calls = Counter[Operation]
"""How often each operation is called."""

REPORT: Final = operations.JOB_REPORT
RECIPIENTS: Final = operations.RECIPIENTS

MOST_A_DELIVERY: Final = 2
"""Calls for each delivery of a few: a list of ids that finds none, and each delivery by itself."""


@dataclass(eq=False)
class Records:
    """Some records of one kind; lifetime: one estimate.

    Args:
        kind: The GraphQL type, such as `Delivery`.
        count: Number of records.
        tries: Calls that the read of one record takes: each data centre is searched for an SMS job in an unknown place.
        job: The SMS jobs that these recipients belong to; None for other kinds.
        about: The records that these SMS jobs are known to be about; None where that is unknown.

    Attributes:
        fetched: The operations whose calls were added for these records already.
        edges: The records behind fields of these, by field name.
    """

    kind: str
    count: int
    tries: int = 1
    job: "Records | None" = None
    about: "Records | None" = None
    fetched: set[Operation] = field(default_factory=set)
    edges: dict[str, "Records"] = field(default_factory=dict)


class RecordCost:
    """Adds up the calls of the fields that are selected of records; lifetime: one estimate.

    Args:
        values: The values of arguments, and of variables for `@skip` and `@include`.
        sms_centres: Number of data centres that have a list of SMS jobs.

    Attributes:
        calls: The sum so far.
    """

    def __init__(self, values: Values, sms_centres: int) -> None:
        self._values = values
        self._sms_centres = sms_centres
        self._searches: dict[tuple[int, str], Records] = {}
        self.calls: Calls = Counter()

    def fetch(self, records: Records, operation: Operation) -> None:
        """Add an operation's calls for these records, once."""
        # Loaders read each record once an operation, however often it is selected.
        if operation not in records.fetched:
            records.fetched.add(operation)
            self.calls[operation] += records.count * records.tries

    def applicable(self, below: Iterable[PricedField], kind: str | None = None) -> Iterator[PricedField]:
        """Yield the fields that are selected of a kind of record; of all types where `kind` is None."""
        for selected in below:
            if _applies(selected, kind) and (not selected.conditions or self._values.holds(selected.conditions)):
                yield selected

    def add(self, records: Records, below: Iterable[PricedField]) -> None:
        """Add the calls of the fields that are selected of the records."""
        for selected in self.applicable(below, records.kind):
            if records.kind == "SmsJob" and selected.name not in NEEDS_NO_REPORT:
                self.fetch(records, REPORT)
            if selected.price.calls is not None:
                self._add_field(records, selected)

    def add_reports(self, jobs: Records, below: Iterable[PricedField]) -> None:
        """Add the calls of jobs whose reports are read, whichever of their fields are selected."""
        self.fetch(jobs, REPORT)
        self.add(jobs, below)

    def add_page(self, records: Records, below: Iterable[PricedField]) -> None:
        """Add the calls of the fields below a connection; its nodes and edges are the same records."""
        for selected in self.applicable(below):
            if selected.name == "nodes":
                self.add(records, selected.below)
            elif selected.name == "edges":
                for node in self.applicable(selected.below):
                    if node.name == "node":
                        self.add(records, node.below)

    def add_recipients(self, jobs: Records, below: Iterable[PricedField]) -> None:
        """Add the calls of a connection of the jobs' recipients."""
        self.fetch(jobs, RECIPIENTS)
        self.add_page(jobs.edges.setdefault("recipients", Records("Recipient", jobs.count, job=jobs)), below)

    def _add_field(self, records: Records, selected: PricedField) -> None:
        match selected.price.calls:
            case CallForEach(operation, kind):
                self.fetch(records, operation)
                # Fields of one name lead to the same records, under any alias.
                self.add(records.edges.setdefault(selected.name, Records(kind, records.count)), selected.below)
            case RecipientsOfJob():
                self.add_recipients(records, selected.below)
            case JobOfRecipient() if records.job is not None:
                self.add_reports(records.job, selected.below)
            case JobsAboutRecord():
                self._add_search(records, selected)
            case OneOfKinds() if records.about is not None:
                self.add(records.about, selected.below)
            case OneOfKinds(kinds):
                self._add_most_expensive(kinds, records.count, selected)

    def _add_search(self, records: Records, selected: PricedField) -> None:
        """Add the calls of a search for SMS jobs, which is made once for all records that ask the same."""
        count = self._values.page(selected)
        key = count, str(self._values.argument(selected, "after"))
        jobs = self._searches.get(key)
        if jobs is None:
            jobs = self._searches[key] = Records("SmsJob", count)
            self.calls[operations.JOB_IDS] += self._sms_centres
            # The lists show in which data centre each job is, so each report takes one call.
            self.fetch(jobs, REPORT)
        # A copy shares what was added for the jobs already.
        self.add_page(replace(jobs, about=records), selected.below)

    def _add_most_expensive(self, kinds: Iterable[str], count: int, selected: PricedField) -> None:
        """Add the calls of the kind that costs most."""
        # Because the kind of these records is known only once they are read.
        most_expensive: Calls = Counter()
        for kind in kinds:
            alternative = RecordCost(self._values, self._sms_centres)
            alternative.calls[fetch_of(kind)] += count * (MOST_A_DELIVERY if kind == "Delivery" else 1)
            alternative.add(Records(kind, count), selected.below)
            most_expensive = max(most_expensive, alternative.calls, key=Counter.total)
        self.calls += most_expensive


def _applies(selected: PricedField, kind: str | None) -> bool:
    if kind is None or not selected.types:
        return True
    found = record_types().get(kind)
    # The interfaces of records (`schema/nodes.py`); other type conditions leave a field out.
    own = {kind, "Node", "Trackable"} if found is not None and found.tracked is not None else {kind, "Node"}
    return selected.types <= own


def fetch_of(kind: str) -> Operation:
    """Return the operation that fetches one record of a type.

    Raises:
        LookupError: The catalogue has no such type, or its records take more than one call.
    """
    operation = record_types()[kind].kind.operation
    if operation is None:
        raise LookupError(f"No operation is declared for {kind}: give its CachedKind one, so that it can be estimated.")
    return operation
