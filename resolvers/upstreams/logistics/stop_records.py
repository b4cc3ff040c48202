"""Where a logistics task starts and ends (documents: address, time_window, contact); each field may be missing."""

from datetime import datetime
from typing import Any

import msgspec

from resolvers.upstreams.instant import instant
from resolvers.upstreams.numbers import Finite


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
