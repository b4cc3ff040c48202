"""The objects that the plain server answers with, each made from an upstream's JSON."""

from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Self

import strawberry

from plain.context import Info


@strawberry.enum
class DeliveryStatus(Enum):
    """Where a delivery stands."""

    WAITING = "waiting"
    PROCESSING = "processing"
    COMPLETED = "completed"
    ERROR = "error"


@strawberry.enum
class DeliveryType(Enum):
    """What a delivery does."""

    DELIVERY = "delivery"
    UPDATE = "update"
    REDELIVERY = "redelivery"
    DELETE = "delete"


@strawberry.enum
class SmsQos(Enum):
    """How soon a job is worked off."""

    NORMAL = "NORMAL"
    EXPRESS = "EXPRESS"


@strawberry.enum
class TaskStatus(Enum):
    """Where a task stands."""

    BROADCASTING = "broadcasting"
    ACCEPTED = "accepted"
    COMPLETED = "completed"


@strawberry.enum
class VehicleType(Enum):
    """What a task is driven with."""

    CAR = "car"


@strawberry.type
class Delivery:
    """A send-task."""

    id: strawberry.ID
    deliverable: bool
    type: DeliveryType
    status: DeliveryStatus
    priority: str | None
    created_at: datetime

    @classmethod
    def from_json(cls, resource: dict[str, Any]) -> Self:
        """The delivery of a JSON:API resource."""
        attributes = resource["attributes"]
        return cls(
            id=strawberry.ID(f"Delivery:{resource['id']}"),
            deliverable=attributes["deliverable"],
            type=DeliveryType(attributes["delivery-type"]),
            status=DeliveryStatus(attributes["status"]),
            priority=attributes["priority"],
            created_at=datetime.fromisoformat(attributes["created-at"]),
        )


@strawberry.type
class DeliveryConnection:
    """A page of deliveries."""

    nodes: list[Delivery]


@strawberry.type
class Recipient:
    """What became of one SMS."""

    sms_id: str
    destination: str
    status: str | None

    @classmethod
    def from_json(cls, report: dict[str, Any]) -> Self:
        """The recipient of a report."""
        return cls(sms_id=report["smsId"], destination=report["dst"], status=report.get("status"))


@strawberry.type
class RecipientConnection:
    """A page of recipients."""

    nodes: list[Recipient]


@strawberry.type
class SmsJob:
    """An SMS job."""

    job_id: str

    @strawberry.field
    async def qos(self, info: Info) -> SmsQos | None:
        """How soon it is worked off."""
        return SmsQos((await info.context.loaders.jobs.load(self.job_id))["qos"])

    @strawberry.field
    async def finished_at(self, info: Info) -> datetime | None:
        """When it was worked off."""
        finished = (await info.context.loaders.jobs.load(self.job_id)).get("finishedTs")
        return datetime.fromisoformat(finished) if finished else None

    @strawberry.field
    async def recipients(self, info: Info, first: int = 50) -> RecipientConnection:
        """To whom it goes."""
        reports = await info.context.loaders.recipients.load(self.job_id)
        return RecipientConnection(nodes=[Recipient.from_json(report) for report in reports[:first]])


@strawberry.type
class SmsJobConnection:
    """A page of jobs."""

    nodes: list[SmsJob]


@strawberry.type
class Money:
    """An exact amount."""

    amount: Decimal
    currency: str

    @classmethod
    def from_thousandths(cls, value: int, currency: str) -> Self:
        """The amount behind a number of 1/1000 cents."""
        return cls(amount=(Decimal(value) / 100_000).quantize(Decimal("0.01")), currency=currency)


@strawberry.type
class Contact:
    """Whom to ask for."""

    name: str | None
    phone: str | None


@strawberry.type
class TaskStop:
    """One end of a task."""

    contact: Contact | None


@strawberry.type
class LogisticsTask:
    """A logistics task."""

    id: strawberry.ID
    tracking_id: str | None
    status: TaskStatus
    price: Money | None
    dropoff: TaskStop

    @classmethod
    def from_json(cls, task: dict[str, Any]) -> Self:
        """The task of a detail answer."""
        contact = task["to_contact"]
        return cls(
            id=strawberry.ID(f"LogisticsTask:{task['id']}"),
            tracking_id=task["tracking_id"],
            status=TaskStatus(task["current_status"]),
            price=Money.from_thousandths(task["price"], task["currency"]),
            dropoff=TaskStop(contact=Contact(name=contact["name"], phone=contact["phone"])),
        )


@strawberry.type
class PriceQuote:
    """What a way would cost."""

    total: Money
    average: Money

    @classmethod
    def from_json(cls, quote: dict[str, Any]) -> Self:
        """The quote of an answer."""
        currency = quote["total_fee_currency"]
        total, average = quote["total_fee"], quote["average_fee"]
        return cls(total=Money.from_thousandths(total, currency), average=Money.from_thousandths(average, currency))


@strawberry.input
class DeliveryFilter:
    """Which deliveries to list."""

    product_id: strawberry.ID | None = None


@strawberry.input
class PriceStopInput:
    """A place on the way."""

    latitude: float
    longitude: float


@strawberry.input
class PriceQuoteInput:
    """A way to price."""

    service_type: VehicleType
    stops: list[PriceStopInput]
