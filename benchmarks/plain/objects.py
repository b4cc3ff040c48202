"""The object types of the plain server, each built from an upstream's JSON."""

from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Self

import strawberry

from plain.upstreams import Info


@strawberry.enum
class DeliveryStatus(Enum):
    """The status of a delivery."""

    WAITING = "waiting"
    PROCESSING = "processing"
    COMPLETED = "completed"
    ERROR = "error"


@strawberry.enum
class DeliveryType(Enum):
    """The kind of a delivery."""

    DELIVERY = "delivery"
    UPDATE = "update"
    REDELIVERY = "redelivery"
    DELETE = "delete"


@strawberry.enum
class SmsQos(Enum):
    """The priority of a job."""

    NORMAL = "NORMAL"
    EXPRESS = "EXPRESS"


@strawberry.enum
class TaskStatus(Enum):
    """The status of a task."""

    BROADCASTING = "broadcasting"
    ACCEPTED = "accepted"
    COMPLETED = "completed"


@strawberry.enum
class VehicleType(Enum):
    """The vehicle of a task."""

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
        """Build a delivery from a JSON:API resource."""
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
    """The recipient of one SMS."""

    sms_id: str
    destination: str
    status: str | None

    @classmethod
    def from_json(cls, report: dict[str, Any]) -> Self:
        """Build a recipient from a report."""
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
        """The priority."""
        return SmsQos((await info.context.loaders.jobs.load(self.job_id))["qos"])

    @strawberry.field
    async def finished_at(self, info: Info) -> datetime | None:
        """When the job finished."""
        finished = (await info.context.loaders.jobs.load(self.job_id)).get("finishedTs")
        return datetime.fromisoformat(finished) if finished else None

    @strawberry.field
    async def recipients(self, info: Info, first: int = 50) -> RecipientConnection:
        """The recipients."""
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
        """Convert an amount in 1/1000 cents."""
        return cls(amount=(Decimal(value) / 100_000).quantize(Decimal("0.01")), currency=currency)


@strawberry.type
class Contact:
    """A contact."""

    name: str | None
    phone: str | None


@strawberry.type
class TaskStop:
    """The pickup or dropoff of a task."""

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
        """Build a task from a detail response."""
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
    """The price of a route."""

    total: Money
    average: Money

    @classmethod
    def from_json(cls, quote: dict[str, Any]) -> Self:
        """Build a quote from a response."""
        currency = quote["total_fee_currency"]
        total, average = quote["total_fee"], quote["average_fee"]
        return cls(total=Money.from_thousandths(total, currency), average=Money.from_thousandths(average, currency))


@strawberry.input
class DeliveryFilter:
    """The filter of a list of deliveries."""

    product_id: strawberry.ID | None = None


@strawberry.input
class PriceStopInput:
    """A stop of a route."""

    latitude: float
    longitude: float


@strawberry.input
class PriceQuoteInput:
    """A route to price."""

    service_type: VehicleType
    stops: list[PriceStopInput]
