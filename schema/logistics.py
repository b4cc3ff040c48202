"""Logistics tasks, their parts and prices, as views of the records of the GotSurge Partnership API."""

from datetime import datetime
from decimal import Decimal

import strawberry
from strawberry.scalars import JSON

from resolvers import logistics
from resolvers.upstreams import operations
from resolvers.upstreams.logistics import task_records
from schema.enums import BroadcastPreference, TaskStatus, VehicleType
from schema.nodes import PageInfo, Trackable, is_record
from schema.nullability import ITEMS_NULL_ONLY_ON_ERROR, NULL_ONLY_ON_ERROR
from schema.organizations import Organization
from schema.prices import UNBOUNDED, WHOLE_PAGE, CallForEach, priced
from schema.sms import sms_jobs_about


@strawberry.type(
    description=(
        "1/1000 cents upstream; here an exact decimal of the currency's main unit: 120000 SGD upstream is 1.20."
    )
)
class Money:
    """A view of an amount."""

    amount: Decimal = strawberry.field(description="The exact amount of the currency's main unit.")
    currency: str = strawberry.field(description="The currency's code of ISO 4217, such as SGD.")


@strawberry.type(description="What a delivery over some stops would cost.")
class PriceQuote:
    """A view of a price recommendation."""

    total: Money = strawberry.field(description="The price of the whole way.")
    average: Money = strawberry.field(description="The upstream's average price; its documents do not say of what.")
    # Untyped, because the document shows an empty object.
    distance: JSON | None = strawberry.field(description="How far the way is, as the upstream says it.")
    waypoints: int = strawberry.field(description="How many stops the upstream counted.")
    code: str = strawberry.field(description="The upstream's own word for the outcome, such as `success`.")


@strawberry.type(description="Where a stop is.")
class Address:
    """A view of an address."""

    street_address: str | None = strawberry.field(description="Street and number.")
    building_name: str | None = strawberry.field(description="The building.")
    city: str | None = strawberry.field(description="The city.")
    state: str | None = strawberry.field(description="The state or province.")
    country: str | None = strawberry.field(description="The country.")
    zip_code: str | None = strawberry.field(description="The postal code.")
    latitude: float | None = strawberry.field(description="Degrees north.")
    longitude: float | None = strawberry.field(description="Degrees east.")


@strawberry.type(description="From when to when.")
class TimeWindow:
    """A view of a time window."""

    start: datetime | None = strawberry.field(description="Not before.")
    end: datetime | None = strawberry.field(description="Not after.")
    start_timezone: str | None = strawberry.field(description="The start's time zone, such as Asia/Singapore.")
    end_timezone: str | None = strawberry.field(description="The end's time zone, such as Asia/Singapore.")


@strawberry.type(description="Whom to ask for.")
class Contact:
    """A view of a contact."""

    name: str | None = strawberry.field(description="The person's name.")
    phone: str | None = strawberry.field(description="The phone number.")
    email: str | None = strawberry.field(description="The email address.")
    company_name: str | None = strawberry.field(description="The company.")


@strawberry.type(description="One end of a task: where, when, whom to ask for, and the note to the driver.")
class TaskStop:
    """A view of one end of a task."""

    address: Address | None = strawberry.field(description="Where.")
    time_window: TimeWindow | None = strawberry.field(description="When.")
    contact: Contact | None = strawberry.field(description="Whom to ask for.")
    note: str | None = strawberry.field(description="The note to the driver.")


@strawberry.type(description="Who drives.")
class Driver:
    """A view of a driver."""

    driver_id: str | None = strawberry.field(description="The upstream's own id.")
    name: str | None = strawberry.field(description="The driver's name.")


@strawberry.type(description="A status that a task has had.")
class TaskStatusEntry:
    """A view of one entry of a task's history."""

    status: TaskStatus = strawberry.field(description="The status in the upstream's vocabulary.")
    raw_status: str = strawberry.field(description="The upstream's own word for the status, untouched.")
    occurred_at: datetime | None = strawberry.field(description="Since when.")
    reason: str | None = strawberry.field(description="Why, where the upstream says.")


@strawberry.type(description="Something to carry.")
class TaskItem:
    """A view of an item of a task."""

    name: str | None = strawberry.field(description="What it is.")
    quantity: int | None = strawberry.field(description="How many of it.")
    attributes: JSON = strawberry.field(description="All that the upstream says about the item.")


@strawberry.type(description="Goods to be picked up at one place and handed over at another.")
class LogisticsTask(Trackable):
    """A view of a task."""

    is_type_of = is_record(task_records.LogisticsTask)

    task_id: str = strawberry.field(description="The upstream's own id.")
    tracking_id: str | None = strawberry.field(description="The sender's id to track the task by.")
    group_tag: str | None = strawberry.field(description="The sender's tag of tasks that belong together.")
    invoice_number: str | None = strawberry.field(description="The invoice that the task belongs to.")
    pickup: TaskStop = strawberry.field(description="Where the goods are picked up.")
    dropoff: TaskStop = strawberry.field(description="Where the goods are handed over.")
    distance_meters: int | None = strawberry.field(description="From the pickup to the dropoff, in metres.")
    urgent: bool | None = strawberry.field(description="Whether the task is urgent.")
    price: Money | None = strawberry.field(description="What the task pays.")
    # Of a length that no argument bounds, and of which the document names no most.
    items: list[TaskItem] = strawberry.field(description="What is carried.", metadata=priced(size=UNBOUNDED))
    cargo_net_quantity: int | None = strawberry.field(description="How many pieces are carried.")
    broadcast_preference: BroadcastPreference | None = strawberry.field(
        description="Which drivers the task is offered to."
    )
    vehicle_preference: VehicleType | None = strawberry.field(description="The vehicle that the task needs.")
    vehicle_emissions_type: str | None = strawberry.field(description="What drives the vehicle, such as `ev`.")
    vehicle_emissions: JSON | None = strawberry.field(description="The vehicle's emissions, as the upstream says them.")
    status: TaskStatus = strawberry.field(description="Where the task stands, in the upstream's vocabulary.")
    status_history: list[TaskStatusEntry] = strawberry.field(
        description="The statuses that the task has had.", metadata=priced(size=UNBOUNDED)
    )
    driver: Driver | None = strawberry.field(description="Who drives; null until somebody has accepted the task.")
    transporter: JSON | None = strawberry.field(description="The transporter's organization, as the upstream says it.")
    creation_group: str | None = strawberry.field(description="Tasks that were created together share it, a UUID.")
    client_time: datetime | None = strawberry.field(description="The client's time when the task was created.")
    client_timezone: str | None = strawberry.field(description="The client's time zone, such as Asia/Singapore.")
    # As they came: the document shows an empty list, and of each other field of type JSON an empty object.
    attachments: list[JSON] = strawberry.field(description="What is attached, as the upstream says it.")
    epod: JSON | None = strawberry.field(description="Electronic proof of delivery.")
    client: JSON | None = strawberry.field(description="The client, as the upstream says it.")
    # Beside `organization`, because the id alone costs no call.
    organization_id: str | None = strawberry.field(description="The upstream's own id of the task's organization.")
    organization = strawberry.field(
        resolver=logistics.organization_of,
        graphql_type=Organization | None,
        description="The organization that the task is carried out for.",
        metadata=priced(CallForEach(operations.ORGANIZATION, "Organization")),
    )
    platform_id: str | None = strawberry.field(description="The platform that the task came over.")
    # Nullable, because the document's own task has none, although an update demands it.
    version_rev: str | None = strawberry.field(description="The revision to send back with updateLogisticsTask.")
    updated_at: datetime | None = strawberry.field(description="When the task last changed.")
    sms_jobs = sms_jobs_about("task")


@strawberry.type(description="A task and its place in the list.")
class LogisticsTaskEdge:
    """A view of one edge of a connection."""

    cursor: str = strawberry.field(description="Pass as `after` to go on behind this task.")
    # Nullable, so that a record that cannot be read costs its own place and not the whole list.
    node: LogisticsTask | None = strawberry.field(
        description="The task; null where it could not be read.", directives=[NULL_ONLY_ON_ERROR]
    )


@strawberry.type(description="The upstream gives no total, so neither does this connection.")
class LogisticsTaskConnection:
    """A view of a connection of tasks."""

    edges: list[LogisticsTaskEdge] = strawberry.field(
        description="The tasks of this page with their cursors.", metadata=priced(size=WHOLE_PAGE)
    )
    nodes: list[LogisticsTask | None] = strawberry.field(
        description="The tasks of this page.", metadata=priced(size=WHOLE_PAGE), directives=[ITEMS_NULL_ONLY_ON_ERROR]
    )
    page_info: PageInfo = strawberry.field(description="Where in the list this page stands.")
