"""Logistics tasks and the stops where they start and end, decoded straight from the wire (document: Task Detail).

Only a task's id and status are always there. Objects whose fields the vendor does not document stay as they came.
Records refer to nothing that refers back to them, so the garbage collector need not follow them (`gc=False`).
"""

from datetime import datetime
from typing import Any, Final

import msgspec

from resolvers.ids import global_id
from resolvers.upstreams.fields import LARGEST_INT, LEAST_INT, Finite, Int32, NonEmpty, instant
from resolvers.upstreams.logistics.prices import Money, Thousandths, money
from resolvers.upstreams.logistics.vocabulary import (
    BROADCAST_PREFERENCE_OF,
    FINAL_OF,
    PROGRESS_OF,
    TASK_STATUS_OF,
    VEHICLE_OF,
    BroadcastPreference,
    TaskStatus,
    VehicleType,
)
from resolvers.upstreams.names import Progress


class Address(msgspec.Struct, frozen=True, gc=False):
    """The place where a task starts or ends (document: address)."""

    street_address: str | None = None
    building_name: str | None = None
    city: str | None = None
    state: str | None = None
    country: str | None = None
    wire_zip_code: str | int | None = msgspec.field(default=None, name="zip_code")
    latitude: Finite | None = None
    longitude: Finite | None = None

    @property
    def zip_code(self) -> str | None:
        """The postal code, which older pages of the vendor show as a number."""
        return None if self.wire_zip_code is None else str(self.wire_zip_code)


class TimeWindow(
    msgspec.Struct, frozen=True, gc=False, rename={"wire_start": "start_time_utc", "wire_end": "end_time_utc"}
):
    """The time in which a task starts or ends (document: time_window)."""

    # Of any type, so that an odd time costs itself and not the window around it.
    wire_start: Any = None
    wire_end: Any = None
    start_timezone: str | None = None
    end_timezone: str | None = None

    @property
    def start(self) -> datetime | None:
        """The beginning of the window."""
        return instant(self.wire_start)

    @property
    def end(self) -> datetime | None:
        """The end of the window."""
        return instant(self.wire_end)


class Contact(msgspec.Struct, frozen=True, gc=False):
    """The person to ask for at a stop (document: contact)."""

    name: str | None = None
    phone: str | None = None
    email: str | None = None
    company_name: str | None = None


class TaskStop(msgspec.Struct, frozen=True, gc=False):
    """The start or the end of a task, which are four fields each on the wire."""

    address: Address | None
    time_window: TimeWindow | None
    contact: Contact | None
    note: str | None


class Driver(msgspec.Struct, frozen=True, gc=False):
    """The driver of a task."""

    # Optional, because the upstream writes an empty object for no driver.
    driver_id: str | None = msgspec.field(name="id", default=None)
    name: str | None = None


class TaskItem(msgspec.Struct, frozen=True, gc=False):
    """One of the goods of a task; the vendor documents none of its fields, so all are in `attributes`."""

    attributes: dict[str, Any]

    @property
    def name(self) -> str | None:
        """The name; None if it is no text."""
        value = self.attributes.get("name")
        return value if isinstance(value, str) else None

    @property
    def quantity(self) -> int | None:
        """The quantity; None if it is no whole number that GraphQL's Int can hold."""
        value = self.attributes.get("quantity")
        # By `type`, because a boolean is an instance of `int`.
        return value if type(value) is int and LEAST_INT <= value <= LARGEST_INT else None


class TaskStatusEntry(msgspec.Struct, frozen=True, gc=False):
    """A status that a task was in.

    Args:
        raw_status: The upstream's own word; empty if it gave none.
        occurred_at: When the task entered the status.
        reason: The upstream's reason.
    """

    raw_status: str
    occurred_at: datetime | None = None
    reason: str | None = None

    @property
    def status(self) -> TaskStatus:
        """The status; UNKNOWN for a word that is not documented."""
        return TASK_STATUS_OF[self.raw_status]


class LogisticsTask(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={
        "task_id": "id",
        "raw_status": "current_status",
        "distance_meters": "distance_in_meters",
        "urgent": "is_urgent",
        "creation_group": "task_creation_group",
        "transporter": "org_transporter",
        "organization_id": "org_id",
        "wire_price": "price",
        "wire_items": "items",
        "wire_driver": "driver",
        "wire_statuses": "statuses",
        "wire_attachments": "attachments",
        "wire_broadcast_preference": "broadcast_preference",
        "wire_vehicle_preference": "vehicle_preference",
        "wire_client_time": "client_time_utc",
        "wire_updated_at": "updated_at",
    },
):
    """A logistics task. Lifetime: cache entry.

    An attribute that begins with `wire_` is the value on the wire from which a property without it is read.
    """

    # These two alone are required: the id by every cache and list, the status by everything that follows the task.
    task_id: NonEmpty
    raw_status: str
    tracking_id: str | None = None
    group_tag: str | None = None
    invoice_number: str | None = None
    from_address: Address | None = None
    from_time_window: TimeWindow | None = None
    from_contact: Contact | None = None
    pickup_note_to_driver: str | None = None
    to_address: Address | None = None
    to_time_window: TimeWindow | None = None
    to_contact: Contact | None = None
    delivery_note_to_driver: str | None = None
    distance_meters: Int32 | None = None
    urgent: bool | None = None
    wire_price: Thousandths | None = None
    currency: str | None = None
    wire_items: list[dict[str, Any]] | None = None
    cargo_net_quantity: Int32 | None = None
    creation_group: str | None = None
    wire_broadcast_preference: str | None = None
    wire_client_time: Any = None
    client_timezone: str | None = None
    wire_attachments: list[Any] | None = None
    transporter: Any = None
    wire_driver: Driver | None = None
    wire_statuses: list[Any] | None = None
    organization_id: str | None = None
    platform_id: str | None = None
    wire_vehicle_preference: str | None = None
    vehicle_emissions_type: str | None = None
    vehicle_emissions: Any = None
    client: Any = None
    epod: Any = None
    # Absent from the document's sample, although an update demands it; where it is absent, tasks cannot be updated.
    version_rev: str | None = None
    wire_updated_at: Any = None

    @property
    def id(self) -> str:
        """The global id."""
        return global_id("LogisticsTask", self.task_id)

    @property
    def status(self) -> TaskStatus:
        """The status; UNKNOWN for a word that is not documented."""
        return TASK_STATUS_OF[self.raw_status]

    @property
    def progress(self) -> Progress:
        """The status, in the vocabulary of all upstreams."""
        return PROGRESS_OF[self.raw_status]

    @property
    def final(self) -> bool:
        """Whether no further change will come."""
        return FINAL_OF[self.raw_status]

    @property
    def pickup(self) -> TaskStop:
        """The start of the task."""
        return TaskStop(self.from_address, self.from_time_window, self.from_contact, self.pickup_note_to_driver)

    @property
    def dropoff(self) -> TaskStop:
        """The end of the task."""
        return TaskStop(self.to_address, self.to_time_window, self.to_contact, self.delivery_note_to_driver)

    @property
    def price(self) -> Money | None:
        """The price; None if it has none."""
        # None without a currency too, because the vendor then writes 0 for every price.
        return money(self.wire_price, self.currency) if self.wire_price is not None and self.currency else None

    @property
    def items(self) -> list[TaskItem]:
        """The goods."""
        return [TaskItem(attributes) for attributes in self.wire_items or ()]

    @property
    def broadcast_preference(self) -> BroadcastPreference | None:
        """The drivers that it is offered to."""
        word = self.wire_broadcast_preference
        return BROADCAST_PREFERENCE_OF[word] if word else None

    @property
    def vehicle_preference(self) -> VehicleType | None:
        """The kind of vehicle to drive it with."""
        word = self.wire_vehicle_preference
        return VEHICLE_OF[word] if word else None

    @property
    def status_history(self) -> list[TaskStatusEntry]:
        """The statuses that it has had, in the upstream's order."""
        return [status_entry(value) for value in self.wire_statuses or ()]

    @property
    def driver(self) -> Driver | None:
        """The driver; None if it has none."""
        # The upstream writes an empty object as well as null for no driver.
        return None if self.wire_driver == _NOBODY else self.wire_driver

    @property
    def client_time(self) -> datetime | None:
        """The client's time when the task was created."""
        return instant(self.wire_client_time)

    @property
    def updated_at(self) -> datetime | None:
        """When it last changed."""
        return instant(self.wire_updated_at)

    @property
    def attachments(self) -> list[Any]:
        """The attachments as they came, without nulls."""
        return [attachment for attachment in self.wire_attachments or () if attachment is not None]


class TaskReference(msgspec.Struct, frozen=True, gc=False, rename={"task_id": "id"}):
    """A task of which only the id is known, until it is read."""

    task_id: NonEmpty


class UpdatedTask(msgspec.Struct, frozen=True, gc=False):
    """The answer for a task that was broadcast or given a tracking id (document: updated_tasks; fields assumed)."""

    id: NonEmpty
    current_status: str | None = None
    tracking_id: str | None = None


_NOBODY: Final = Driver()


def status_entry(value: object) -> TaskStatusEntry:
    """Return an entry of a task's `statuses`, of any form: no document shows one, and none may break the task."""
    # The names are those of the vendor's closest documented record.
    if not isinstance(value, dict):
        return TaskStatusEntry(value if isinstance(value, str) else "")
    word = value.get("status") or value.get("current_state") or value.get("current_status")
    reason = value.get("reason")
    return TaskStatusEntry(
        raw_status=word if isinstance(word, str) else "",
        occurred_at=instant(value.get("happened_at_utc")),
        reason=reason if isinstance(reason, str) else None,
    )
