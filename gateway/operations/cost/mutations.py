"""What each mutation costs: its own calls, and those of what is asked of its payload."""

from collections.abc import Iterable, Mapping
from math import ceil
from typing import Final, NamedTuple

from gateway.operations.cost.records import FETCHES, Asking, Operation, Records
from gateway.operations.cost.selection import Asked, Values
from resolvers.rereading import MAX_REREAD
from resolvers.task_chunks import MAX_TASKS_A_CALL
from resolvers.upstreams.names import UpstreamName


class MutatedRecords(NamedTuple):
    """A mutation.

    Args:
        operation: Its call.
        kind: What its payload holds.
        place: Where the payload holds it.
        several: The argument with a list of things, which go upstream in chunks.
        reads: The call that reads each thing before its change, or after one whose answer does not hold it.
        reads_each: How often that is called for each thing at most.
        reads_most: How often it is called in all at most; None for each thing.
    """

    operation: Operation
    kind: str | None = None
    place: str = ""
    several: str | None = None
    reads: Operation | None = None
    reads_each: int = 1
    reads_most: int | None = None


def _deliveries(name: str) -> Operation:
    return Operation(UpstreamName.DELIVERIES, name)


def _logistics(name: str) -> Operation:
    return Operation(UpstreamName.LOGISTICS, name)


_TASK: Final = FETCHES["LogisticsTask"]

CHANGES: Final[Mapping[str, MutatedRecords]] = {
    "createDelivery": MutatedRecords(_deliveries("create_delivery"), "Delivery", "delivery", reads=FETCHES["Delivery"]),
    "updateDelivery": MutatedRecords(_deliveries("update_delivery"), "Delivery", "delivery", reads=FETCHES["Delivery"]),
    "cancelDelivery": MutatedRecords(
        _deliveries("update_delivery"), "Delivery", "delivery", reads=FETCHES["Delivery"], reads_each=2
    ),
    "sendSms": MutatedRecords(Operation(UpstreamName.SMS, "create_job"), "SmsJob", "job"),
    "createLogisticsTasks": MutatedRecords(
        _logistics("platform_create_tasks"), "LogisticsTask", "tasks", "tasks", reads=_TASK, reads_most=MAX_REREAD
    ),
    "updateLogisticsTask": MutatedRecords(_logistics("platform_update_task"), "LogisticsTask", "task", reads=_TASK),
    "cancelLogisticsTask": MutatedRecords(_logistics("cancel_task"), "LogisticsTask", "task", reads=_TASK),
    "broadcastLogisticsTasks": MutatedRecords(
        _logistics("broadcast_draft_tasks"), "LogisticsTask", "tasks", "ids", reads=_TASK
    ),
    "broadcastLogisticsTasksWithTracking": MutatedRecords(
        _logistics("broadcast_with_tracking"), "LogisticsTask", "tasks", "tasks", reads=_TASK
    ),
    "setTrackingIds": MutatedRecords(_logistics("patch_tracking_ids"), "LogisticsTask", "tasks", "tasks", reads=_TASK),
    "createOrganization": MutatedRecords(
        _logistics("create_organization"), "Organization", "organization", reads=FETCHES["Organization"]
    ),
    "inviteUser": MutatedRecords(_logistics("invite_user")),
}


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
            change = CHANGES.get(asked.name)
            if change is not None:
                self._ask_change(change, asked)

    def _ask_change(self, change: MutatedRecords, asked: Asked) -> None:
        count = len(self._values.many(asked, change.several)) if change.several else 1
        self.asking.calls[change.operation] += ceil(count / MAX_TASKS_A_CALL)
        if change.reads is not None:
            reads = count * change.reads_each
            self.asking.calls[change.reads] += reads if change.reads_most is None else min(reads, change.reads_most)
        if change.kind is not None:
            records = Records(change.kind, count, self._sms_centres if change.kind == "SmsJob" else 1)
            for one in self.asking.applying(asked.below):
                if one.name == change.place:
                    self.asking.ask(records, one.below)
