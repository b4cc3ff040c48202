"""The fields of a task that clients write when they create and when they change it: stops, amounts and others."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Protocol

import strawberry

from resolvers.errors import BadInput
from resolvers.kinds.logistics import ORGANIZATION_ID
from resolvers.quoting import quoted
from resolvers.upstreams.logistics import requests
from resolvers.upstreams.logistics.prices import thousandths_of_cents
from resolvers.upstreams.logistics.vocabulary import BROADCAST_PREFERENCE_WORDS, TRUCK_SERVICE_WORDS, VEHICLE_WORDS
from schema.enums import BroadcastPreference, TruckService, VehicleType
from schema.inputs.checks import Path, Refusals, between, email, known, not_negative, optional_id

_CODES: Final = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD
CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP
GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR
KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN
MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD
SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX
USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""

ISO_4217: Final = frozenset(_CODES.split())
"""The active codes of ISO 4217, list one, without those that no price is in (metals, units of account, tests)."""


@strawberry.input(description="An exact amount of a currency's main unit.")
class MoneyInput:
    """An amount of money; operation lifetime."""

    amount: Decimal = strawberry.field(
        description="From 0 up, with at most five decimals: nothing finer than 1/1000 cent."
    )
    currency: str = strawberry.field(description="An active code of ISO 4217, such as SGD.")

    def thousandths(self, path: Path) -> int:
        """Return the amount in 1/1000 cents.

        Raises:
            BadInput: It is negative, too large, finer than 1/1000 cent, or in no currency of ISO 4217.
        """
        if self.currency not in ISO_4217:
            # Quoted in part, because its length is the client's choice.
            raise BadInput(
                f"{quoted(self.currency, 10)} is no active currency code of ISO 4217, such as SGD.", path=path
            )
        if self.amount < 0:
            raise BadInput(f"{self.amount} is negative; an amount must be 0 or more.", path=path)
        try:
            return thousandths_of_cents(self.amount)
        except ValueError as error:
            raise BadInput(str(error), path=path) from error


@strawberry.input(description="Where a stop is.")
class AddressInput:
    """The address of a stop; operation lifetime."""

    street_address: str | None = strawberry.field(description="Street and number.")
    building_name: str | None = strawberry.field(description="The building.")
    city: str | None = strawberry.field(description="The city.")
    state: str | None = strawberry.field(description="The state or province.")
    country: str | None = strawberry.field(description="The country.")
    zip_code: str | None = strawberry.field(description="The postal code.")
    latitude: float | None = strawberry.field(description="Degrees north, from -90 to 90.")
    longitude: float | None = strawberry.field(description="Degrees east, from -180 to 180.")

    def to_request(self, path: Path) -> requests.Address:
        """Return the input as it is sent upstream.

        Raises:
            BadInput: A coordinate is out of range.
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
    """The time window of a stop; operation lifetime."""

    start: datetime = strawberry.field(description="Not before; at the latest `end`.")
    end: datetime = strawberry.field(description="Not after.")
    start_timezone: str | None = strawberry.field(description="The start's time zone, such as Asia/Singapore.")
    end_timezone: str | None = strawberry.field(description="The end's time zone, such as Asia/Singapore.")

    def to_request(self, path: Path) -> requests.TimeWindow:
        """Return the input as it is sent upstream.

        Raises:
            BadInput: It ends before it starts.
        """
        # Equal ones pass, as "before or equal to" in the document's validations.
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
    """The contact at a stop; operation lifetime."""

    name: str | None = strawberry.field(description="The person's name.")
    phone: str | None = strawberry.field(description="The phone number, best with + and the country's code.")
    email: str | None = strawberry.field(description="The email address.")
    company_name: str | None = strawberry.field(description="The company.")

    def to_request(self, path: Path) -> requests.Contact:
        """Return the input as it is sent upstream.

        Raises:
            BadInput: The email address is malformed.
        """
        return requests.Contact(
            name=self.name,
            phone=self.phone,
            email=None if self.email is None else email(self.email, (*path, "email")),
            company_name=self.company_name,
        )


@strawberry.input(description="One end of a task.")
class TaskStopInput:
    """One end of a task; operation lifetime."""

    address: AddressInput = strawberry.field(description="Where.")
    time_window: TimeWindowInput = strawberry.field(description="When.")
    contact: ContactInput = strawberry.field(description="Whom to ask for.")
    note: str | None = strawberry.field(description="The note to the driver.")


def check_order(pickup: TaskStopInput | None, dropoff: TaskStopInput | None, path: Path) -> None:
    """Check that a task's goods are picked up before they are handed over (Partnership API, Validations).

    Raises:
        BadInput: The pickup may end after the dropoff has started.
    """
    # A change may bring only one of the two, and the other is then the upstream's to compare.
    if pickup is not None and dropoff is not None and pickup.time_window.end > dropoff.time_window.start:
        raise BadInput("The pickup must end before the dropoff starts.", path=(*path, "dropoff", "timeWindow"))


def check_not_over(pickup: TaskStopInput, now: datetime, path: Path) -> None:
    """Check that a driver can still pick up a task's goods in time.

    Raises:
        BadInput: The pickup ends before now.
    """
    if pickup.time_window.end <= now:
        raise BadInput("The pickup must end in the future.", path=(*path, "pickup", "timeWindow", "end"))


class TaskFieldsInput(Protocol):
    """The fields that the inputs of a new and of a changed task have in common."""

    tracking_id: str | None
    group_tag: str | None
    invoice_number: str | None
    price: MoneyInput | None
    cargo_net_quantity: int | None
    broadcast_preference: BroadcastPreference | None
    vehicle_preference: VehicleType | None
    service: TruckService | None
    organization_id: strawberry.ID | None


def task_fields(task: TaskFieldsInput, path: Path) -> dict[str, Any]:
    """Return the common fields without the stops, by the logistics API's names.

    Raises:
        BadInput: A field is refused.
    """
    with Refusals() as checked:
        # The document shows these fields for an update; those of a creation (task_post_request) it has lost.
        preference = checked(known, task.broadcast_preference, (*path, "broadcastPreference"))
        vehicle = checked(known, task.vehicle_preference, (*path, "vehiclePreference"))
        price = checked(task.price.thousandths, (*path, "price")) if task.price else None
        quantity = checked(not_negative, task.cargo_net_quantity, (*path, "cargoNetQuantity"))
        organization_id = checked(optional_id, ORGANIZATION_ID, task.organization_id, (*path, "organizationId"))
    return {
        # What is None here is left out of the body, so that a change keeps it.
        "tracking_id": task.tracking_id,
        "group_tag": task.group_tag,
        "invoice_number": task.invoice_number,
        "price": price,
        "currency": task.price.currency if task.price else None,
        "cargo_net_quantity": quantity,
        "broadcast_preference": BROADCAST_PREFERENCE_WORDS[preference] if preference else None,
        "vehicle_preference": VEHICLE_WORDS[vehicle] if vehicle else None,
        "service_type": TRUCK_SERVICE_WORDS[task.service] if task.service else None,
        "org_id": organization_id,
    }


def stop_fields(pickup: TaskStopInput | None, dropoff: TaskStopInput | None, path: Path) -> dict[str, Any]:
    """Return the fields of the given stops, by the logistics API's names.

    Raises:
        BadInput: A part of a stop is refused.
    """
    with Refusals() as checked:
        start = checked(_one_end, "from", "pickup_note_to_driver", pickup, (*path, "pickup"))
        end = checked(_one_end, "to", "delivery_note_to_driver", dropoff, (*path, "dropoff"))
    return start | end


def _one_end(prefix: str, note: str, stop: TaskStopInput | None, path: Path) -> dict[str, Any]:
    if stop is None:
        return {}
    with Refusals() as checked:
        return {
            f"{prefix}_address": checked(stop.address.to_request, (*path, "address")),
            f"{prefix}_time_window": checked(stop.time_window.to_request, (*path, "timeWindow")),
            f"{prefix}_contact": checked(stop.contact.to_request, (*path, "contact")),
            note: stop.note,
        }
