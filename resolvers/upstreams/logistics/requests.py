"""Requests to the logistics API: their bodies, in the vendor's own field names.

A field that is None is absent on the wire, so that the upstream keeps its own value. Amounts are whole
1/1000 cents (see `prices.py`), enums are the vendor's words (see `vocabulary.py`).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec.structs import force_setattr


class Address(msgspec.Struct, frozen=True, omit_defaults=True):
    """The place where a task starts or ends (document: address)."""

    street_address: str | None = None
    building_name: str | None = None
    city: str | None = None
    state: str | None = None
    country: str | None = None
    zip_code: str | None = None
    latitude: float | None = None
    longitude: float | None = None


class TimeWindow(msgspec.Struct, frozen=True, omit_defaults=True):
    """The time in which a task starts or ends (document: time_window).

    Args:
        start_time_utc: With any offset; sent as UTC, as its name demands.
        end_time_utc: Likewise.
        start_timezone: IANA name, such as Asia/Singapore.
        end_timezone: Likewise.
    """

    start_time_utc: datetime
    end_time_utc: datetime
    start_timezone: str | None = None
    end_timezone: str | None = None

    def __post_init__(self) -> None:
        """Convert both instants to UTC."""
        # Set in the frozen struct itself, because a factory beside the constructor could be forgotten.
        force_setattr(self, "start_time_utc", self.start_time_utc.astimezone(UTC))
        force_setattr(self, "end_time_utc", self.end_time_utc.astimezone(UTC))


class Contact(msgspec.Struct, frozen=True, omit_defaults=True):
    """The person to ask for at a stop (document: contact)."""

    name: str | None = None
    phone: str | None = None
    email: str | None = None
    company_name: str | None = None


class TaskFields(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The fields of a task that can be set both when it is created and later.

    Args:
        price: Whole 1/1000 cents of `currency`: 120000 is 1.20.
        currency: ISO 4217.
        broadcast_preference: One of `BROADCAST_PREFERENCE_WORDS`.
        vehicle_preference: One of `VEHICLE_WORDS`.
        service_type: One of `TRUCK_SERVICE_WORDS`.
    """

    tracking_id: str | None = None
    group_tag: str | None = None
    invoice_number: str | None = None
    from_address: Address | None = None
    from_time_window: TimeWindow | None = None
    from_contact: Contact | None = None
    to_address: Address | None = None
    to_time_window: TimeWindow | None = None
    to_contact: Contact | None = None
    pickup_note_to_driver: str | None = None
    delivery_note_to_driver: str | None = None
    # Only ever together with `currency`: the document makes the price 0 where that is empty.
    price: int | None = None
    currency: str | None = None
    cargo_net_quantity: int | None = None
    broadcast_preference: str | None = None
    vehicle_preference: str | None = None
    service_type: str | None = None
    org_id: str | None = None


class NewTask(TaskFields, frozen=True, omit_defaults=True, kw_only=True):
    """A task to create (document: task_post_request).

    Args:
        items: Each as `task_item` makes it.
        is_urgent: Whether the task is urgent.
    """

    items: Sequence[Mapping[str, Any]] | None = None
    is_urgent: bool | None = None


class TaskChange(TaskFields, frozen=True, omit_defaults=True, kw_only=True):
    """The changes to a task (document: Update Task).

    Args:
        version_rev: The revision that the change is meant for; a stale one is a conflict.
        min_price: Whole 1/1000 cents, as are `max_price`, `increment` and `admin_fee`.
        client_time_utc: With any offset; sent as UTC.
        client_timezone: IANA name.
        epod: Electronic proof of delivery, as the vendor's undocumented `task_epod`.
    """

    # Without items and attachments, because the document forbids to change them.

    # Required by the document, unlike every other field.
    version_rev: str
    officer_contact: Contact | None = None
    # 64 bits, although the document declares int16 for these four: its own example is 1500000.
    min_price: int | None = None
    max_price: int | None = None
    increment: int | None = None
    admin_fee: int | None = None
    total_item_weight: float | None = None
    total_weight_unit: str | None = None
    total_item_volume: float | None = None
    total_volume_unit: str | None = None
    total_item_quantity: int | None = None
    total_quantity_unit: str | None = None
    client_time_utc: datetime | None = None
    client_timezone: str | None = None
    epod: Any = None

    def __post_init__(self) -> None:
        """Convert the client's time to UTC."""
        if self.client_time_utc is not None:
            force_setattr(self, "client_time_utc", self.client_time_utc.astimezone(UTC))


class TrackingId(msgspec.Struct, frozen=True):
    """A tracking id to set on the task `id`."""

    id: str
    tracking_id: str


class PriceStop(msgspec.Struct, frozen=True, omit_defaults=True):
    """A place on a route that is priced (document: stop; its fields are assumed)."""

    address: str | None = None
    latitude: float | None = None
    longitude: float | None = None


class PriceRequest(msgspec.Struct, frozen=True):
    """A request for a price recommendation.

    Args:
        service_type: The word of one of `PRICED_VEHICLES`.
        stops: The pickup, then the deliveries, of which the vendor counts 10.
    """

    service_type: str
    stops: Sequence[PriceStop]


class Invitation(msgspec.Struct, frozen=True, omit_defaults=True):
    """An invitation of a user to an organization (document: Invite User; its fields are assumed)."""

    email: str
    org_id: str
    role_id: str | None = None


def task_item(name: str, quantity: int | None = None, attributes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return an item of a new task; `name` and `quantity` win over members of the same name in `attributes`."""
    # Merged on the same level, because no document names the fields of an item, so ours are only two of them.
    item = {**(attributes or {}), "name": name}
    return item if quantity is None else {**item, "quantity": quantity}
