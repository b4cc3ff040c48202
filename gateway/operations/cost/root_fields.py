"""Adds up the upstream calls of an operation's root fields: of queries, mutations and the start of a subscription."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Final

from gateway.operations.cost.records import RECIPIENTS, REPORT, RecordCost, Records, fetch_of
from gateway.operations.cost.selection import PricedField, Values
from resolvers.catalogue import split_global_id
from resolvers.chunks import MAX_TASKS_A_CALL
from resolvers.connections import place_at
from resolvers.errors import BadInput
from resolvers.events.boards import BOARD_SIZE
from resolvers.filtered_pages import MOST_READ
from resolvers.loading.delivery_batches import most_calls
from resolvers.sms.job_lists import most_checks
from resolvers.sms.listing import MAX_SPAN, JobPlace
from resolvers.sms.ordered_jobs import JobKey, most_rounds
from resolvers.upstreams import operations
from resolvers.upstreams.operations import Operation
from resolvers.upstreams.sms.requests import WINDOW
from schema.prices import (
    Call,
    Change,
    DeliveriesPage,
    EventsByGlobalIds,
    EventsOfList,
    JobsPage,
    NumberedPage,
    RecipientsByJobId,
    RecordByGlobalId,
    RecordById,
    RecordsByGlobalIds,
)

MOST_BEHIND_CURSOR: Final = 4
"""Calls for a page at a cursor: where the place was, before and behind it if the list has moved, and the rest."""

MOST_AT_END: Final = 5
"""Calls for a page at the end of a list: for its length, the end on two pages, and these again if it has grown."""


class QueryCost:
    """Adds up the calls of a query's root fields; lifetime: one estimate.

    Args:
        values: The values of arguments and conditions.
        sms_centres: Number of data centres that are searched for an SMS job.
        now: The time of the estimate.

    Attributes:
        record_cost: The sum so far.
    """

    def __init__(self, values: Values, sms_centres: int, now: datetime) -> None:
        self._values = values
        self._sms_centres = sms_centres
        self._now = now
        self.record_cost = RecordCost(values, sms_centres)
        self._records: dict[tuple[str, str], Records] = {}
        self._deliveries: set[str] = set()

    def add(self, below: Iterable[PricedField]) -> None:
        """Add the calls of all root fields of a query."""
        for selected in self.record_cost.applicable(below):
            self._add_field(selected)
        # At the end, because loaders read all deliveries of a query together, in lists of ids.
        self._fetch_deliveries(len(self._deliveries))

    def add_events(self, below: Iterable[PricedField]) -> None:
        """Add the calls of the start of a subscription: one read of each followed record, and the first events."""
        for selected in below:
            if isinstance(selected.price.calls, EventsOfList):
                self._add_list(selected, selected.price.calls)
            if isinstance(selected.price.calls, EventsByGlobalIds):
                place, argument = selected.price.calls.place, selected.price.calls.argument
                fields = [field for event in selected.below if event.name == place for field in event.below]
                self._add_by_global_ids(self._values.many(selected, argument), fields, read_before=True)

    def _add_list(self, selected: PricedField, events: EventsOfList) -> None:
        """Add the calls of the first read of a followed list, and those of its records."""
        rounds = 2 * self._sms_centres * most_rounds(WINDOW)
        lists = {
            "deliveries": ("Delivery", operations.DELIVERIES, MOST_AT_END),
            "smsJobs": ("SmsJob", operations.JOB_IDS, rounds),
            "logisticsTasks": ("LogisticsTask", operations.TASKS, MOST_READ),
        }
        below = [field for one in selected.below if one.name in events.places for field in one.below]
        for member, (kind, operation, calls) in lists.items():
            if self._values.member(selected, events.argument, member) is not None:
                self.record_cost.calls[operation] += calls
                if below:
                    ids = [f"{kind}:{number}" for number in range(1, BOARD_SIZE + 1)]
                    self._add_by_global_ids(ids, below)

    def _add_by_global_ids(
        self, ids: Iterable[object], below: Iterable[PricedField], *, read_before: bool = False
    ) -> None:
        """Add the calls of records of any kinds by their global ids.

        Args:
            ids: As the client sent them.
            below: The fields that are selected of each.
            read_before: Whether the records were read before the operation that resolves their fields, as those of
                events are: only the record itself is shared, no further call.
        """
        found = {one for one in ids if isinstance(one, str)}
        kinds = Counter(split[0].name for split in map(split_global_id, found) if split is not None)
        for kind, count in kinds.items():
            records = self._records_of(kind, count)
            if kind == "Delivery":
                self._fetch_deliveries(count)
            else:
                self._fetch(records)
            self.record_cost.add(self._already_read(records) if read_before else records, below)

    def _already_read(self, records: Records) -> Records:
        read = self._records_of(records.kind, records.count)
        if records.kind == "SmsJob":
            # Because the read that noticed the job's status has read its report.
            read.fetched.add(REPORT)
        return read

    def _add_field(self, selected: PricedField) -> None:
        match selected.price.calls:
            case Call(operation):
                self.record_cost.calls[operation] += 1
            case RecordById(kind, argument):
                self._add_record(kind, self._own_id(selected, kind, argument), selected.below)
            case RecordByGlobalId(argument):
                self._node(selected, argument)
            case RecordsByGlobalIds(argument):
                self._add_by_global_ids(self._values.many(selected, argument), selected.below)
            case DeliveriesPage(operation, ids):
                self._deliveries_page(selected, operation, ids)
            case NumberedPage() as numbered:
                self._numbered_page(selected, numbered)
            case JobsPage(operation):
                self._jobs_page(selected, operation)
            case RecipientsByJobId(argument):
                self._recipients(selected, argument)

    def _own_id(self, selected: PricedField, kind: str, argument: str) -> str:
        value = self._values.reference(selected, argument)
        found = split_global_id(value)
        return found[1] if found and found[0].name == kind else value

    def _add_record(self, kind: str, own_id: str, below: Iterable[PricedField]) -> None:
        # Two fields with the same id share the reads of their record.
        records = self._records.setdefault((kind, own_id), self._records_of(kind, 1))
        if kind == "Delivery":
            self._deliveries.add(own_id)
        else:
            self._fetch(records)
        self.record_cost.add(records, below)

    def _records_of(self, kind: str, count: int) -> Records:
        if kind == "Recipient":
            return Records(kind, count, job=Records("SmsJob", count, self._sms_centres))
        return Records(kind, count, self._sms_centres if kind == "SmsJob" else 1)

    def _fetch(self, records: Records) -> None:
        self.record_cost.fetch(records.job or records, fetch_of(records.kind))

    def _fetch_deliveries(self, count: int, single: Operation = operations.DELIVERY) -> None:
        """Add the calls of deliveries by id: in lists of ids, and each by itself where the lists do not find it."""
        self.record_cost.calls[single] += count
        self.record_cost.calls[operations.DELIVERIES_BY_ID] += most_calls(count) - count

    def _node(self, selected: PricedField, argument: str) -> None:
        found = split_global_id(str(self._values.argument(selected, argument)))
        # A part, such as a recipient, has no read of its own: its whole is read.
        if found is not None and found[0].part is None:
            self._add_record(found[0].name, found[1], selected.below)
        else:
            self._add_by_global_ids([self._values.argument(selected, argument)], selected.below)

    def _deliveries_page(self, selected: PricedField, operation: Operation, place: tuple[str, str]) -> None:
        ids = self._listed_ids(selected, place)
        # A list that is filtered by ids is read whole, in batches, because its pages are cut from the whole answer.
        if ids:
            self._fetch_deliveries(ids, single=operations.DELIVERIES_BY_ID)
        else:
            self.record_cost.calls[operation] += self._page_of_deliveries(selected)
        self.record_cost.add_page(Records("Delivery", self._values.page(selected)), selected.below)

    def _page_of_deliveries(self, selected: PricedField) -> int:
        if self._is_at_cursor(selected):
            return MOST_BEHIND_CURSOR
        # Which end `orderBy` begins at depends on the upstream's order.
        at_end = any(self._values.argument(selected, name) is not None for name in ("last", "orderBy"))
        return MOST_AT_END if at_end else 1

    def _is_at_cursor(self, selected: PricedField) -> bool:
        return any(self._values.argument(selected, name) is not None for name in ("after", "before"))

    def _listed_ids(self, selected: PricedField, place: tuple[str, str]) -> int:
        ids = self._values.member(selected, *place)
        return len(set(map(str, ids))) if isinstance(ids, list) else 1 if ids is not None else 0

    def _numbered_page(self, selected: PricedField, numbered: NumberedPage) -> None:
        # Because only the next page shows whether there is one.
        calls = 2 if self._asks_for_more(selected) else 1
        if self._is_at_cursor(selected):
            calls = MOST_BEHIND_CURSOR
        if numbered.filtered_by and self._values.argument(selected, numbered.filtered_by) is not None:
            calls += MOST_READ - 1
        self.record_cost.calls[numbered.operation] += calls
        self.record_cost.add_page(Records(numbered.kind, self._values.page(selected)), selected.below)

    def _jobs_page(self, selected: PricedField, operation: Operation) -> None:
        # Each data centre has a list for each 30 days, and a page may need all of them.
        self.record_cost.calls[operation] += self._job_lists(selected)
        self.record_cost.add_page(Records("SmsJob", self._values.page(selected)), selected.below)

    def _job_lists(self, selected: PricedField) -> int:
        # Both arguments are read, because the estimate depends on either.
        cursors = [self._values.argument(selected, name) for name in ("after", "before")]
        cursor = next((one for one in cursors if isinstance(one, str)), None)
        if self._values.argument(selected, "orderBy") is not None:
            return self._slices(selected, cursor) * self._sms_centres
        if cursor is not None:
            return self._job_lists_behind(cursor)
        # A negative span counts as empty, because the resolver refuses it before any call.
        return ceil(max(0.0, self._span(selected) / WINDOW)) * self._sms_centres

    def _span(self, selected: PricedField) -> timedelta:
        """Return the span of a list of SMS jobs."""
        from_time, to_time = self._values.instant(selected, "from"), self._values.instant(selected, "to")
        if from_time is None:
            return WINDOW
        self._values.depends_on_time = self._values.depends_on_time or to_time is None
        return min((to_time or self._now.astimezone(UTC)) - from_time, MAX_SPAN)

    def _slices(self, selected: PricedField, cursor: str | None) -> int:
        try:
            span = self._span(selected) if cursor is None else place_at(cursor, JobKey).span
        except (BadInput, OverflowError):
            # The resolver refuses such a cursor before any call.
            return 0
        return most_rounds(min(span, MAX_SPAN))

    def _job_lists_behind(self, cursor: str) -> int:
        try:
            place = place_at(cursor, JobPlace)
            span = place.to_time - place.from_time
        except (BadInput, TypeError):
            # The resolver refuses such a cursor before any call.
            return 0
        windows = ceil(max(0.0, min(span, MAX_SPAN) / WINDOW))
        # Clients can make cursors of their own, so negative numbers count as zero.
        number, index = max(0, place.segment), max(0, place.index)
        return max(0, windows * self._sms_centres - number) + most_checks(number, index, windows, self._sms_centres)

    def _recipients(self, selected: PricedField, argument: str) -> None:
        key = "SmsJob", self._own_id(selected, "SmsJob", argument)
        jobs = self._records.setdefault(key, self._records_of("SmsJob", 1))
        self.record_cost.fetch(jobs, RECIPIENTS)
        self.record_cost.add_recipients(jobs, selected.below)

    def _asks_for_more(self, selected: PricedField) -> bool:
        """Return whether the client asks if there is more where the page is read towards."""
        flag = "hasNextPage" if self._values.argument(selected, "last") is None else "hasPreviousPage"
        pages = [one for one in self.record_cost.applicable(selected.below) if one.name == "pageInfo"]
        return any(one.name == flag for page in pages for one in self.record_cost.applicable(page.below))


class MutationCost:
    """Adds up the calls of mutations and of the fields below their payloads; lifetime: one estimate.

    Args:
        values: The values of arguments and conditions.
        sms_centres: Number of data centres that are searched for an SMS job.

    Attributes:
        record_cost: The sum so far.
    """

    def __init__(self, values: Values, sms_centres: int) -> None:
        self._values = values
        self._sms_centres = sms_centres
        self.record_cost = RecordCost(values, sms_centres)

    def add(self, below: Iterable[PricedField]) -> None:
        """Add the calls of all root fields of a mutation."""
        for selected in self.record_cost.applicable(below):
            if isinstance(selected.price.calls, Change):
                self._add_change(selected.price.calls, selected)

    def _add_change(self, change: Change, selected: PricedField) -> None:
        count = self._values.page(selected)
        # Changes of tasks go out in calls of up to 20; of all others `count` is 1.
        self.record_cost.calls[change.operation] += ceil(count / MAX_TASKS_A_CALL)
        if change.kind is not None:
            reads = count * change.reads
            most = reads if change.reads_most is None else change.reads_most
            self.record_cost.calls[fetch_of(change.kind)] += min(reads, most)
            records = Records(change.kind, count, self._sms_centres if change.kind == "SmsJob" else 1)
            for one in self.record_cost.applicable(selected.below):
                if one.name == change.place:
                    self.record_cost.add(records, one.below)
