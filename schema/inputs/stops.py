"""What clients say about the two ends of a task: where, when, whom to ask for."""

from datetime import datetime

import strawberry

from resolvers.errors import BadInput
from resolvers.upstreams.logistics import requests
from schema.inputs.checks import Path, between, email
from schema.inputs.refusals import Refusals


@strawberry.input(description="Where a stop is.")
class AddressInput:
    """An address that a client writes; operation lifetime."""

    street_address: str | None = strawberry.field(description="Street and number.")
    building_name: str | None = strawberry.field(description="The building.")
    city: str | None = strawberry.field(description="The city.")
    state: str | None = strawberry.field(description="The state or province.")
    country: str | None = strawberry.field(description="The country.")
    zip_code: str | None = strawberry.field(description="The postal code.")
    latitude: float | None = strawberry.field(description="Degrees north, from -90 to 90.")
    longitude: float | None = strawberry.field(description="Degrees east, from -180 to 180.")

    def to_request(self, path: Path) -> requests.Address:
        """What the upstream is sent.

        Raises:
            BadInput: coordinates that are nowhere on earth.
        """
        with Refusals() as checked:
            return requests.Address(
                street_address=self.street_address,
                building_name=self.building_name,
                city=self.city,
                state=self.state,
                country=self.country,
                zip_code=self.zip_code,
                latitude=checked(between, -90, 90, self.latitude, (*path, "latitude")),
                longitude=checked(between, -180, 180, self.longitude, (*path, "longitude")),
            )


@strawberry.input(description="From when to when.")
class TimeWindowInput:
    """A time window that a client names; operation lifetime."""

    start: datetime = strawberry.field(description="Not before; at the latest `end`.")
    end: datetime = strawberry.field(description="Not after.")
    start_timezone: str | None = strawberry.field(description="The start's time zone, such as Asia/Singapore.")
    end_timezone: str | None = strawberry.field(description="The end's time zone, such as Asia/Singapore.")

    def to_request(self, path: Path) -> requests.TimeWindow:
        """What the upstream is sent.

        Raises:
            BadInput: it ends before it starts.
        """
        if self.start > self.end:
            raise BadInput("This time window ends before it starts.", path=path)
        return requests.TimeWindow(
            start_time_utc=self.start,
            end_time_utc=self.end,
            start_timezone=self.start_timezone,
            end_timezone=self.end_timezone,
        )


@strawberry.input(description="Whom to ask for.")
class ContactInput:
    """A contact that a client names; operation lifetime."""

    name: str | None = strawberry.field(description="The person's name.")
    phone: str | None = strawberry.field(description="The phone number, best with + and the country's code.")
    email: str | None = strawberry.field(description="The email address.")
    company_name: str | None = strawberry.field(description="The company.")

    def to_request(self, path: Path) -> requests.Contact:
        """What the upstream is sent.

        Raises:
            BadInput: an email address that is none.
        """
        return requests.Contact(
            name=self.name,
            phone=self.phone,
            email=None if self.email is None else email(self.email, (*path, "email")),
            company_name=self.company_name,
        )


@strawberry.input(description="One end of a task.")
class TaskStopInput:
    """One end of a task as a client describes it; operation lifetime."""

    address: AddressInput = strawberry.field(description="Where.")
    time_window: TimeWindowInput = strawberry.field(description="When.")
    contact: ContactInput = strawberry.field(description="Whom to ask for.")
    note: str | None = strawberry.field(description="The note to the driver.")


def check_order(pickup: TaskStopInput | None, dropoff: TaskStopInput | None, path: Path) -> None:
    """Let a task through whose goods are picked up before they are handed over (Partnership API, Validations).

    Raises:
        BadInput: the pickup may end after the dropoff has started.
    """
    if pickup is not None and dropoff is not None and pickup.time_window.end > dropoff.time_window.start:
        raise BadInput("The pickup must end before the dropoff starts.", path=(*path, "dropoff", "timeWindow"))


def check_not_over(pickup: TaskStopInput, now: datetime, path: Path) -> None:
    """Let a task through that a driver can still pick up in time.

    Raises:
        BadInput: its pickup ends before now.
    """
    if pickup.time_window.end <= now:
        raise BadInput("The pickup must end in the future.", path=(*path, "pickup", "timeWindow", "end"))
