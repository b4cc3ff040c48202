"""Adds up the upstream calls of mutations: their own, and those of what is asked of their payloads."""

from collections.abc import Iterable
from math import ceil

from gateway.operations.cost.records import Asking, Records, fetch_of
from gateway.operations.cost.selection import Asked, Values
from resolvers.task_chunks import MAX_TASKS_A_CALL
from schema.prices import Change


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
