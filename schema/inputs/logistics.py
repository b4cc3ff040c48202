"""Inputs about logistics tasks: what to create, which tracking ids to set, and what to price."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import strawberry
from strawberry.scalars import JSON

from resolvers.catalogue import local_id
from resolvers.errors import BadInput
from resolvers.kinds.logistics import ORGANIZATION_ID, TASK_ID
from resolvers.task_filters import TaskFilters
from resolvers.upstreams.logistics.requests import NewTask, PriceRequest, PriceStop, TrackingId, task_item
from resolvers.upstreams.logistics.vocabulary import PRICED_VEHICLES, VEHICLE_WORDS
from schema.enums import BroadcastPreference, TaskStatus, TruckService, VehicleType
from schema.inputs.checks import (
    Path,
    Refusals,
    between,
    in_order,
    json_object,
    known,
    not_blank,
    not_empty,
    not_negative,
    optional_id,
)
from schema.inputs.task_fields import MoneyInput, TaskStopInput, check_not_over, check_order, stop_fields, task_fields

LOWEST_PRICE: Final = {"SGD": Decimal("2.00")}
"""The lowest price of a new task, by currency (Partnership API, Validations); others have no documented minimum."""


@strawberry.input(description="Something to carry.")
class TaskItemInput:
    """An item to carry; operation lifetime."""

    name: str = strawberry.field(description="What it is.")
    quantity: int | None = strawberry.field(description="How many of it, from 0 up.")
    attributes: JSON | None = strawberry.field(
        description="A JSON object of what else the upstream is to know; `name` and `quantity` win over the same in it."
    )

    def to_request(self, path: Path) -> dict[str, Any]:
        """Return the input as it is sent upstream.

        Raises:
            BadInput: The name is blank, the quantity negative, or the attributes are no object.
        """
        with Refusals() as checked:
            name = checked(not_blank, self.name, (*path, "name"))
            quantity = checked(not_negative, self.quantity, (*path, "quantity"))
            attributes = checked(json_object, self.attributes, (*path, "attributes"))
        return task_item(name, quantity, attributes)


@strawberry.input(description="Which tasks to list; all that is given must hold.")
class LogisticsTaskFilter:
    """Filters of the list of tasks; operation lifetime."""

    statuses: list[TaskStatus] | None = strawberry.field(description="Tasks that stand at one of these.")
    tracking_id: str | None = strawberry.field(description="Tasks with exactly this id of the sender's.")
    group_tag: str | None = strawberry.field(description="Tasks with exactly this tag.")
    organization_id: strawberry.ID | None = strawberry.field(description="Tasks of this organization.")
    pickup_from: datetime | None = strawberry.field(description="The pickup's time window starts then or later.")
    pickup_to: datetime | None = strawberry.field(description="The pickup's time window starts then or before.")
    updated_from: datetime | None = strawberry.field(description="Last changed then or later.")
    updated_to: datetime | None = strawberry.field(description="Last changed then or before.")

    def to_request(self, path: Path) -> TaskFilters:
        """Return the filters as the gateway applies them.

        Raises:
            BadInput: A status is UNKNOWN or there is none, an id is no organization's, or a time is after its end.
        """
        with Refusals() as checked:
            checked(in_order, self.pickup_from, self.pickup_to, (*path, "pickupFrom"))
            checked(in_order, self.updated_from, self.updated_to, (*path, "updatedFrom"))
            statuses = checked(_statuses, self.statuses, (*path, "statuses"))
            organization_id = checked(optional_id, ORGANIZATION_ID, self.organization_id, (*path, "organizationId"))
        return TaskFilters(
            statuses,
            self.tracking_id,
            self.group_tag,
            organization_id,
            *map(_in_utc, (self.pickup_from, self.pickup_to, self.updated_from, self.updated_to)),
        )


def _statuses(given: list[TaskStatus] | None, path: Path) -> tuple[TaskStatus, ...] | None:
    if given is None:
        return None
    # The same for any order, so that a cursor stays valid.
    return tuple(sorted({known(one, path) for one in not_empty(given, path)}, key=lambda one: one.name))


def _in_utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.astimezone(UTC)


@strawberry.input(description="A task to create.")
class LogisticsTaskInput:
    """A task to create; operation lifetime."""

    tracking_id: str | None = strawberry.field(description="The sender's id to track the task by.")
    group_tag: str | None = strawberry.field(description="The sender's tag of tasks that belong together.")
    invoice_number: str | None = strawberry.field(description="The invoice that the task belongs to.")
    pickup: TaskStopInput = strawberry.field(description="Where the goods are picked up; it must end in the future.")
    dropoff: TaskStopInput = strawberry.field(
        description="Where the goods are handed over; it starts when the pickup has ended."
    )
    price: MoneyInput | None = strawberry.field(
        description="At least 2.00 where the currency is SGD; no minimum is documented for others."
    )
    items: list[TaskItemInput] | None = strawberry.field(description="What is carried.")
    cargo_net_quantity: int | None = strawberry.field(description="How many pieces are carried, from 0 up.")
    broadcast_preference: BroadcastPreference | None = strawberry.field(
        description="Which drivers the task is offered to."
    )
    vehicle_preference: VehicleType | None = strawberry.field(description="The vehicle that the task needs.")
    service: TruckService | None = strawberry.field(description="How much of a truck the task takes.")
    urgent: bool | None = strawberry.field(description="Whether the task is urgent.")
    organization_id: strawberry.ID | None = strawberry.field(
        description="The organization that the task is carried out for."
    )

    def to_request(self, now: datetime, path: Path) -> NewTask:
        """Return the input as it is sent upstream.

        Args:
            now: The current time; the pickup must end later.
            path: The path of this task in the arguments.

        Raises:
            BadInput: The time windows are out of order, the price is too low or too fine, or a part is refused.
        """
        with Refusals() as checked:
            stops = checked(stop_fields, self.pickup, self.dropoff, path)
            checked(check_order, self.pickup, self.dropoff, path)
            # Assumed: the document has a rule about today for the pickup, and contradicts itself in its words.
            checked(check_not_over, self.pickup, now, path)
            fields = checked(task_fields, self, path)
            checked(check_lowest_price, self.price, (*path, "price"))
            items = checked(self._items, (*path, "items"))
        # Behind the block, where no part is None because it was refused.
        return NewTask(**stops, **fields, items=items, is_urgent=self.urgent)

    def _items(self, path: Path) -> tuple[dict[str, Any], ...] | None:
        if self.items is None:
            return None
        with Refusals() as checked:
            return tuple(checked(item.to_request, (*path, index)) for index, item in enumerate(self.items))


@strawberry.input(description="A task and the tracking id to give it.")
class TrackingIdInput:
    """A task and its new tracking id; operation lifetime."""

    task_id: strawberry.ID = strawberry.field(description="The task.")
    tracking_id: str = strawberry.field(description="The sender's id to track it by.")

    def to_request(self, path: Path) -> TrackingId:
        """Return the input as it is sent upstream.

        Raises:
            BadInput: The id is no task's, or the tracking id is blank.
        """
        with Refusals() as checked:
            return TrackingId(
                checked(local_id, TASK_ID, self.task_id, (*path, "taskId")),
                checked(not_blank, self.tracking_id, (*path, "trackingId")),
            )


def new_tasks(tasks: Sequence[LogisticsTaskInput], now: datetime, path: Path) -> list[NewTask]:
    """Return the tasks to create as they are sent upstream.

    Raises:
        BadInput: The list is empty, or a task is refused; none is sent then.
    """
    with Refusals() as checked:
        return [checked(task.to_request, now, (*path, index)) for index, task in enumerate(not_empty(tasks, path))]


def tasks_of_any_time(
    tasks: Sequence[LogisticsTaskInput], now: datetime, path: Path
) -> tuple[list[NewTask], BadInput | None]:
    """Return the tasks to create, and the refusal of those that only the present time forbids.

    A repeat of their creation may come when it is too late for them, and gets the outcome of the first all the same.

    Raises:
        BadInput: The list is empty, or a task would be refused at any time.
    """
    try:
        return new_tasks(tasks, now, path), None
    except BadInput as refusal:
        try:
            return new_tasks(tasks, datetime.min.replace(tzinfo=UTC), path), refusal
        except BadInput:
            # The one of the present has all that is wrong.
            raise refusal from None


def tracking_ids(tasks: Sequence[TrackingIdInput], path: Path) -> list[TrackingId]:
    """Return the tracking ids to set as they are sent upstream.

    Raises:
        BadInput: The list is empty, or an item is refused.
    """
    with Refusals() as checked:
        return [checked(task.to_request, (*path, index)) for index, task in enumerate(not_empty(tasks, path))]


def task_ids(ids: Sequence[str], path: Path) -> list[str]:
    """Return the upstream's own ids of tasks.

    Raises:
        BadInput: The list is empty, or an id is no task's.
    """
    with Refusals() as checked:
        return [checked(local_id, TASK_ID, given, (*path, index)) for index, given in enumerate(not_empty(ids, path))]


def check_lowest_price(price: MoneyInput | None, path: Path) -> None:
    """Check that a price is not below the upstream's minimum for a new task.

    Raises:
        BadInput: It is below.
    """
    lowest = None if price is None else LOWEST_PRICE.get(price.currency)
    if price is not None and lowest is not None and price.amount < lowest:
        raise BadInput(f"A task's price must be at least {price.currency} {lowest}.", path=path)


@strawberry.input(description="A stop of the way to price: an address, or both coordinates, or all three.")
class PriceStopInput:
    """A stop of the way to price; operation lifetime."""

    address: str | None = strawberry.field(description="Where, in words.")
    latitude: float | None = strawberry.field(description="Degrees north, from -90 to 90; not without `longitude`.")
    longitude: float | None = strawberry.field(description="Degrees east, from -180 to 180; not without `latitude`.")

    def to_request(self, path: Path) -> PriceStop:
        """Return the input as it is sent upstream.

        Raises:
            BadInput: There is neither an address nor a pair of coordinates, or a coordinate is out of range.
        """
        has_address = self.address is not None and self.address.strip() != ""
        # A pair or nothing: half a place is none, even beside an address.
        coordinates = (self.latitude, self.longitude)
        if None in coordinates and (coordinates != (None, None) or not has_address):
            raise BadInput("A stop needs an address or both coordinates.", path=path)
        return PriceStop(
            address=self.address if has_address else None,
            latitude=between(-90, 90, self.latitude, (*path, "latitude")),
            longitude=between(-180, 180, self.longitude, (*path, "longitude")),
        )


@strawberry.input(description="The way to price, and what drives it.")
class PriceQuoteInput:
    """The way to price; operation lifetime."""

    service_type: VehicleType = strawberry.field(
        description="LTL and LORRY_20FT are no service types of the price API: BAD_INPUT."
    )
    stops: list[PriceStopInput] = strawberry.field(
        description=(
            "The first is the pickup; up to 10 deliveries count, beyond that the upstream takes the 10 farthest."
        )
    )

    def to_request(self, path: Path) -> PriceRequest:
        """Return the input as it is sent upstream.

        Raises:
            BadInput: There are fewer than two stops, or the vehicle or a stop is refused.
        """
        vehicle = known(self.service_type, (*path, "serviceType"))
        # The enum is that of tasks, which has two vehicles more than the price API.
        if vehicle not in PRICED_VEHICLES:
            raise BadInput(f"{vehicle.name} is no service type of the price API.", path=(*path, "serviceType"))
        among = (*path, "stops")
        # The first stop is the pickup and each other one a delivery (document: Get price recommendation).
        if len(self.stops) < 2:
            raise BadInput("A price needs at least two stops: the pickup and a delivery.", path=among)
        return PriceRequest(
            VEHICLE_WORDS[vehicle], tuple(stop.to_request((*among, index)) for index, stop in enumerate(self.stops))
        )
