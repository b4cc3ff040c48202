"""Adds up the upstream calls of an operation's root fields: of queries, mutations and the start of a subscription."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from math import ceil
from typing import Final

from gateway.operations.cost.records import RECIPIENTS, REPORT, Asking, Records, fetch_of
from gateway.operations.cost.selection import Asked, Values
from resolvers.catalogue import split_global_id
from resolvers.connections import place_at
from resolvers.errors import BadInput
from resolvers.loading.delivery_batches import most_calls
from resolvers.sms.job_lists import most_checks
from resolvers.sms.listing import MAX_SPAN, WINDOW, JobPlace
from resolvers.task_changes import MAX_TASKS_A_CALL
from resolvers.upstreams import operations
from resolvers.upstreams.operations import Operation
from schema.prices import (
    Call,
    Change,
    DeliveriesPage,
    EventsByGlobalIds,
    JobsPage,
    NumberedPage,
    RecipientsByJobId,
    RecordByGlobalId,
    RecordById,
    RecordsByGlobalIds,
)

MOST_BEHIND_CURSOR: Final = 4
"""Calls for a page behind a cursor: where its place was, before and behind it if the list has moved, and the rest."""


class QueryCost:
    """Adds up the calls of a query's fields; estimate lifetime.

    Args:
        values: Of arguments and conditions.
        sms_centres: How many data centres there are to look for a job in.
        now: The wall clock.
    """

    def __init__(self, values: Values, sms_centres: int, now: datetime) -> None:
        self._values = values
        self._sms_centres = sms_centres
        self._now = now
        self.asking = Asking(values)
        self._records: dict[tuple[str, str], Records] = {}
        self._deliveries: set[str] = set()

    def ask(self, below: Iterable[Asked]) -> None:
        """Add the calls of all fields of an operation."""
        for asked in self.asking.applying(below):
            self._ask_field(asked)
        self._fetch_deliveries(len(self._deliveries))

    def ask_events(self, below: Iterable[Asked]) -> None:
        """Add the calls of the start of a subscription."""
        for asked in below:
            if isinstance(asked.price.calls, EventsByGlobalIds):
                place, argument = asked.price.calls.place, asked.price.calls.argument
                things = [thing for event in asked.below if event.name == place for thing in event.below]
                self._ask_several(self._values.many(asked, argument), things, read_before=True)

    def _ask_several(self, ids: Iterable[object], below: Iterable[Asked], *, read_before: bool = False) -> None:
        """Add the calls of records of any kinds by their global ids.

        Args:
            ids: As the client sent them.
            below: What is asked of each.
            read_before: Each is given to an operation of its own, as events are, which shares no other call with what
                has read it.
        """
        found = {one for one in ids if isinstance(one, str)}
        kinds = Counter(split[0].name for split in map(split_global_id, found) if split is not None)
        for kind, count in kinds.items():
            records = self._sought(kind, count)
            if kind == "Delivery":
                self._fetch_deliveries(count)
            else:
                self._fetch(records)
            self.asking.ask(self._given(records) if read_before else records, below)

    def _given(self, records: Records) -> Records:
        given = self._sought(records.kind, records.count)
        if records.kind == "SmsJob":
            given.fetched.add(REPORT)
        return given

    def _ask_field(self, asked: Asked) -> None:
        match asked.price.calls:
            case Call(operation):
                self.asking.calls[operation] += 1
            case RecordById(kind, argument):
                self._ask_one(kind, self._own_id(asked, kind, argument), asked.below)
            case RecordByGlobalId(argument):
                self._node(asked, argument)
            case RecordsByGlobalIds(argument):
                self._ask_several(self._values.many(asked, argument), asked.below)
            case DeliveriesPage(operation, ids):
                self._deliveries_page(asked, operation, ids)
            case NumberedPage(operation, kind):
                self._numbered_page(asked, operation, kind)
            case JobsPage(operation):
                self._jobs_page(asked, operation)
            case RecipientsByJobId(argument):
                self._recipients(asked, argument)

    def _own_id(self, asked: Asked, kind: str, argument: str) -> str:
        value = self._values.reference(asked, argument)
        found = split_global_id(value)
        return found[1] if found and found[0].name == kind else value

    def _ask_one(self, kind: str, own_id: str, below: Iterable[Asked]) -> None:
        records = self._records.setdefault((kind, own_id), self._sought(kind, 1))
        if kind == "Delivery":
            self._deliveries.add(own_id)
        else:
            self._fetch(records)
        self.asking.ask(records, below)

    def _sought(self, kind: str, count: int) -> Records:
        if kind == "Recipient":
            return Records(kind, count, job=Records("SmsJob", count, self._sms_centres))
        return Records(kind, count, self._sms_centres if kind == "SmsJob" else 1)

    def _fetch(self, records: Records) -> None:
        self.asking.fetch(records.job or records, fetch_of(records.kind))

    def _fetch_deliveries(self, count: int, single: Operation = operations.DELIVERY) -> None:
        """Those that lists of ids do not bring, or all where lists are refused, are asked for one by one."""
        self.asking.calls[single] += count
        self.asking.calls[operations.DELIVERIES_BY_ID] += most_calls(count) - count

    def _node(self, asked: Asked, argument: str) -> None:
        found = split_global_id(str(self._values.argument(asked, argument)))
        if found is not None and found[0].part is None:
            self._ask_one(found[0].name, found[1], asked.below)
        else:
            self._ask_several([self._values.argument(asked, argument)], asked.below)

    def _deliveries_page(self, asked: Asked, operation: Operation, place: tuple[str, str]) -> None:
        """Of some ids all are read, in batches."""
        ids = self._listed_ids(asked, place)
        if ids:
            self._fetch_deliveries(ids, single=operations.DELIVERIES_BY_ID)
        else:
            calls = MOST_BEHIND_CURSOR if self._values.argument(asked, "after") else 1
            self.asking.calls[operation] += calls
        self.asking.ask_page(Records("Delivery", self._values.page(asked)), asked.below)

    def _listed_ids(self, asked: Asked, place: tuple[str, str]) -> int:
        ids = self._values.member(asked, *place)
        return len(set(map(str, ids))) if isinstance(ids, list) else 1 if ids is not None else 0

    def _numbered_page(self, asked: Asked, operation: Operation, kind: str) -> None:
        """Whether there is a next page is seen on the next page alone."""
        behind_cursor = self._values.argument(asked, "after") is not None
        further = 2 if self._asks_for_next_page(asked) else 1
        self.asking.calls[operation] += MOST_BEHIND_CURSOR if behind_cursor else further
        self.asking.ask_page(Records(kind, self._values.page(asked)), asked.below)

    def _jobs_page(self, asked: Asked, operation: Operation) -> None:
        """Each data centre has a list for each 30 days; the page may need them all."""
        self.asking.calls[operation] += self._job_lists(asked)
        self.asking.ask_page(Records("SmsJob", self._values.page(asked)), asked.below)

    def _job_lists(self, asked: Asked) -> int:
        after = self._values.argument(asked, "after")
        if isinstance(after, str):
            return self._job_lists_behind(after)
        from_time, to_time = self._values.instant(asked, "from"), self._values.instant(asked, "to")
        if from_time is None:
            return self._sms_centres
        self._values.depends_on_time = self._values.depends_on_time or to_time is None
        # What is no window is refused later, and costs nothing.
        span = (to_time or self._now.astimezone(UTC)) - from_time
        return ceil(max(0.0, min(span, MAX_SPAN) / WINDOW)) * self._sms_centres

    def _job_lists_behind(self, cursor: str) -> int:
        try:
            place = place_at(cursor, JobPlace)
            span = place.to_time - place.from_time
        except (BadInput, TypeError):
            return 0
        windows = ceil(max(0.0, min(span, MAX_SPAN) / WINDOW))
        number, index = max(0, place.segment), max(0, place.index)
        return max(0, windows * self._sms_centres - number) + most_checks(number, index, windows, self._sms_centres)

    def _recipients(self, asked: Asked, argument: str) -> None:
        key = "SmsJob", self._own_id(asked, "SmsJob", argument)
        jobs = self._records.setdefault(key, self._sought("SmsJob", 1))
        self.asking.fetch(jobs, RECIPIENTS)
        self.asking.ask_recipients(jobs, asked.below)

    def _asks_for_next_page(self, asked: Asked) -> bool:
        pages = [one for one in self.asking.applying(asked.below) if one.name == "pageInfo"]
        return any(one.name == "hasNextPage" for page in pages for one in self.asking.applying(page.below))


class MutationCost:
    """Adds up the calls of mutations; estimate lifetime.

    Args:
        values: Of arguments and conditions.
        sms_centres: How many data centres there are to look for a job in.
    """

    def __init__(self, values: Values, sms_centres: int) -> None:
        self._values = values
        self._sms_centres = sms_centres
        self.asking = Asking(values)

    def ask(self, below: Iterable[Asked]) -> None:
        """Add the calls of all fields of an operation."""
        for asked in self.asking.applying(below):
            if isinstance(asked.price.calls, Change):
                self._ask_change(asked.price.calls, asked)

    def _ask_change(self, change: Change, asked: Asked) -> None:
        count = self._values.page(asked)
        self.asking.calls[change.operation] += ceil(count / MAX_TASKS_A_CALL)
        if change.kind is not None:
            reads = count * change.reads
            most = reads if change.reads_most is None else change.reads_most
            self.asking.calls[fetch_of(change.kind)] += min(reads, most)
            records = Records(change.kind, count, self._sms_centres if change.kind == "SmsJob" else 1)
            for one in self.asking.applying(asked.below):
                if one.name == change.place:
                    self.asking.ask(records, one.below)
