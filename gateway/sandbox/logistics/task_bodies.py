"""Parse and check the bodies that create and update logistics tasks, by the rules of the vendor's document.

The document lacks the fields of `task_post_request`; they are assumed to be those of an update without `version_rev`.
One line of its validation table contradicts itself ("before or equal to today's date-time"); the rule here is that the
pickup must end in the future. A field that is null counts as not sent; unknown fields are ignored.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from gateway.sandbox.logistics.price import PRICE_SERVICES
from gateway.sandbox.logistics.requests import (
    Check,
    Refused,
    check_count,
    check_currency,
    check_flag,
    check_measure,
    check_moment,
    check_number,
    check_object,
    check_objects,
    check_one_of,
    check_text,
    invalid,
)
from gateway.sandbox.logistics.tasks import Fields

MAX_TASKS: Final = 20
"""The limit of tasks in one create call (document: Create & Broadcast Tasks); assumed for the platform's calls too."""

MINIMUM_SGD_PRICE: Final = 200_000
"""SGD 2.00 in 1/1000 cents (document: Validations)."""

_BROADCAST_PREFERENCES: Final = frozenset({"marine", "squad", "all"})
_TRUCK_SERVICES: Final = frozenset({"ftl", "ltl"})
VEHICLES: Final = frozenset({*PRICE_SERVICES, "ltl", "lorry_20ft"})
"""`vehicle_preference` of a task."""

# These and those of contacts are of the vendor's public pages; the document shows none.
ADDRESS_FIELDS: Final = (
    "street_address",
    "building_name",
    "city",
    "state",
    "country",
    "zip_code",
    "latitude",
    "longitude",
    "altitude",
)
CONTACT_FIELDS: Final = (
    "name",
    "phone",
    "email",
    "company_name",
    "vessel_id",
    "vessel_imo",
    "vessel_name",
    "lighter_boat_name",
    "lighter_company_name",
    "vehicle_name",
    "berth_no",
)

_REQUIRED: Final = ("from_address", "from_time_window", "from_contact", "to_address", "to_time_window", "to_contact")
_FIXED_IN_UPDATE: Final = ("items", "attachments")
_FORBIDDEN_IN_UPDATE: Final = ("driver", "org_transporter", "current_status", "statuses")


def _address(value: Any, path: str) -> Fields:  # noqa: ANN401 - any JSON value
    given = check_object(value, path)
    for name in ("latitude", "longitude", "altitude"):
        if given.get(name) is not None:
            check_number(given[name], f"{path}.{name}")
    return {name: given.get(name) for name in ADDRESS_FIELDS}


def _contact(value: Any, path: str) -> Fields:  # noqa: ANN401 - any JSON value
    given = check_object(value, path)
    return {name: given.get(name) for name in CONTACT_FIELDS}


def _time_window(value: Any, path: str) -> Fields:  # noqa: ANN401 - any JSON value
    given = check_object(value, path)
    window = {
        "start_time_utc": check_moment(given.get("start_time_utc"), f"{path}.start_time_utc"),
        # The zone of the document's sample, where none is sent.
        "start_timezone": check_text(given.get("start_timezone") or "Asia/Singapore", f"{path}.start_timezone"),
        "end_time_utc": check_moment(given.get("end_time_utc"), f"{path}.end_time_utc"),
        "end_timezone": check_text(given.get("end_timezone") or "Asia/Singapore", f"{path}.end_timezone"),
    }
    # As texts: in one form and in UTC they sort by time.
    if window["start_time_utc"] > window["end_time_utc"]:
        raise invalid(f"{path}.start_time_utc", "must be before or equal to end_time_utc")
    return window


def _items(value: Any, path: str) -> list[Mapping[str, Any]]:  # noqa: ANN401 - any JSON value
    items = check_objects(value, path)
    for index, item in enumerate(items):
        if item.get("quantity") is not None:
            check_count(item["quantity"], f"{path}[{index}].quantity")
    return items


_CHECKS: Final[Mapping[str, Check]] = {
    "tracking_id": check_text,
    "invoice_number": check_text,
    "group_tag": check_text,
    "from_address": _address,
    "from_time_window": _time_window,
    "from_contact": _contact,
    "to_address": _address,
    "to_time_window": _time_window,
    "to_contact": _contact,
    "officer_contact": _contact,
    "broadcast_preference": check_one_of(_BROADCAST_PREFERENCES),
    "pickup_note_to_driver": check_text,
    "delivery_note_to_driver": check_text,
    "is_urgent": check_flag,
    "cargo_net_quantity": check_count,
    "price": check_count,
    "currency": check_currency,
    "items": _items,
    "cargo_details": check_objects,
    "attachments": check_objects,
    "org_id": check_text,
    "total_item_weight": check_measure,
    "total_weight_unit": check_text,
    "total_item_volume": check_measure,
    "total_volume_unit": check_text,
    "total_item_quantity": check_measure,
    "total_quantity_unit": check_text,
    # This and the next three are int16 in the document, whose own samples exceed that: they have no bound.
    "min_price": check_count,
    "max_price": check_count,
    "increment": check_count,
    "admin_fee": check_count,
    "client_time_utc": check_moment,
    "client_timezone": check_text,
    "vehicle_preference": check_one_of(VEHICLES),
    "service_type": check_one_of(_TRUCK_SERVICES),
    "epod": check_object,
}


def new_tasks(body: Mapping[str, Any], now: datetime) -> list[Fields]:
    """Return the checked fields of each task in a create call.

    Args:
        body: `{tasks: [...]}` with 1 to 20 tasks.
        now: The current time; the pickup of each task must end after it.

    Raises:
        Refused: 422 with the path of the first invalid field.
    """
    tasks = check_objects(body.get("tasks"), "tasks")
    if not tasks:
        raise invalid("tasks", "must not be empty")
    if len(tasks) > MAX_TASKS:
        raise Refused(422, "too_many_tasks", f"tasks: at most {MAX_TASKS} can be created at once, not {len(tasks)}")
    return [_new_task(task, f"tasks[{index}]", now) for index, task in enumerate(tasks)]


def task_changes(body: Mapping[str, Any], current: Mapping[str, Any]) -> Fields:
    """Return the checked changes of an update.

    Args:
        body: The fields to replace; `version_rev` is not checked here.
        current: The current fields of the task.

    Raises:
        Refused: 422 with the path of the first invalid field.
    """
    # "Disallow driver assignment or task completion" (document: Update Task).
    for name in _FORBIDDEN_IN_UPDATE:
        if name in body:
            raise invalid(name, "cannot be changed by an update")
    for name in _FIXED_IN_UPDATE:
        # Clients may send back what they have read: the document forbids changes, not the fields.
        if body.get(name) is not None and body[name] != current.get(name, []):
            raise invalid(name, "cannot be added to, deleted from or changed by an update")
    changes = _checked(body, "")
    after = {**current, **changes}
    if "from_time_window" in changes or "to_time_window" in changes:
        _check_order(after, "")
    # Without a currency the price is 0 (document: Validations).
    if not after.get("currency"):
        changes["price"] = 0
    return changes


def _new_task(body: Mapping[str, Any], path: str, now: datetime) -> Fields:
    for name in _REQUIRED:
        if body.get(name) is None:
            raise invalid(f"{path}.{name}", "is required")
    # The document has no defaults; these two are assumed.
    fields = {"broadcast_preference": "all", "currency": "", **_checked(body, f"{path}.")}
    _check_order(fields, f"{path}.")
    if datetime.fromisoformat(fields["from_time_window"]["end_time_utc"]) <= now:
        raise invalid(f"{path}.from_time_window.end_time_utc", "must be in the future")
    if not fields["currency"]:
        fields["price"] = 0
    # The document has a minimum in SGD only; of other currencies none is known.
    if fields["currency"] == "SGD" and fields.get("price", MINIMUM_SGD_PRICE) < MINIMUM_SGD_PRICE:
        raise invalid(f"{path}.price", f"Enter a minimum price from SGD 2.00 (Format: {MINIMUM_SGD_PRICE})")
    return fields


def _checked(body: Mapping[str, Any], prefix: str) -> Fields:
    return {name: check(body[name], f"{prefix}{name}") for name, check in _CHECKS.items() if body.get(name) is not None}


def _check_order(fields: Mapping[str, Any], prefix: str) -> None:
    if fields["from_time_window"]["end_time_utc"] > fields["to_time_window"]["start_time_utc"]:
        raise invalid(
            f"{prefix}from_time_window.end_time_utc", "must be before or equal to to_time_window.start_time_utc"
        )
