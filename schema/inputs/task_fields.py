"""The fields that a task is given when it is created and when it is changed, as the logistics API names them."""

from typing import Any, Protocol

import strawberry

from resolvers.kinds.logistics import ORGANIZATION_ID
from resolvers.upstreams.logistics.vocabulary import BROADCAST_PREFERENCE_WORDS, TRUCK_SERVICE_WORDS, VEHICLE_WORDS
from schema.enums import BroadcastPreference, TruckService, VehicleType
from schema.inputs.checks import Path, known, not_negative, optional_id
from schema.inputs.money import MoneyInput
from schema.inputs.refusals import Refusals
from schema.inputs.stops import TaskStopInput


class TaskFieldsInput(Protocol):
    """What the inputs of a new and of a changed task have in common."""

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
    """The common fields but for the stops.

    Raises:
        BadInput: a field is refused.
    """
    with Refusals() as checked:
        preference = checked(known, task.broadcast_preference, (*path, "broadcastPreference"))
        vehicle = checked(known, task.vehicle_preference, (*path, "vehiclePreference"))
        price = checked(task.price.thousandths, (*path, "price")) if task.price else None
        quantity = checked(not_negative, task.cargo_net_quantity, (*path, "cargoNetQuantity"))
        organization_id = checked(optional_id, ORGANIZATION_ID, task.organization_id, (*path, "organizationId"))
    return {
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
    """The fields of those stops that are given.

    Raises:
        BadInput: a part of a stop is refused.
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
