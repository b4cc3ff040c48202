"""Where a logistics task starts and ends, and price quotes (documents: address, time_window, contact, price)."""

from datetime import datetime
from typing import Any, TypeVar

import msgspec

from resolvers.errors import UpstreamBadAnswer
from resolvers.upstreams.lenient import Finite, Int32, instant
from resolvers.upstreams.logistics.money import Money, Thousandths, money
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.record import promised_at

Value = TypeVar("Value")


class PriceQuote(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={"currency": "total_fee_currency", "wire_code": "code", "wire_waypoints": "total_waypoint"},
):
    """What a way would cost.

    Args:
        total_fee: Whole 1/1000 cents of `currency`, as is `average_fee`.
        average_fee: Likewise.
        currency: ISO 4217.
        wire_code: The upstream's word, such as `success`.
        wire_waypoints: How many places were counted.
        distance: As it came: the vendor does not document its fields.
    """

    total_fee: Thousandths
    average_fee: Thousandths | None = None
    currency: str | None = None
    wire_code: str | None = None
    wire_waypoints: Int32 | None = None
    distance: Any = None

    code = promised_at("wire_code", UpstreamName.LOGISTICS)
    waypoints = promised_at("wire_waypoints", UpstreamName.LOGISTICS)

    @property
    def total(self) -> Money:
        """For the whole way."""
        return money(self.total_fee, _told(self.currency, "total_fee_currency"))

    @property
    def average(self) -> Money:
        """What is usually paid."""
        return money(_told(self.average_fee, "average_fee"), _told(self.currency, "total_fee_currency"))


def _told(value: Value | None, name: str) -> Value:
    if value is None:
        raise UpstreamBadAnswer(UpstreamName.LOGISTICS, f"LOGISTICS answered a price without its {name}.")
    return value


class Address(msgspec.Struct, frozen=True, gc=False):
    """Where a task starts or ends (document: address)."""

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
    """When a task starts or ends (document: time_window)."""

    wire_start: Any = None
    wire_end: Any = None
    start_timezone: str | None = None
    end_timezone: str | None = None

    @property
    def start(self) -> datetime | None:
        """Not before."""
        return instant(self.wire_start)

    @property
    def end(self) -> datetime | None:
        """Not after."""
        return instant(self.wire_end)


class Contact(msgspec.Struct, frozen=True, gc=False):
    """Whom to ask for (document: contact)."""

    name: str | None = None
    phone: str | None = None
    email: str | None = None
    company_name: str | None = None


class TaskStop(msgspec.Struct, frozen=True, gc=False):
    """One end of a task, which the wire keeps in four fields."""

    address: Address | None
    time_window: TimeWindow | None
    contact: Contact | None
    note: str | None
