"""The input that changes a logistics task."""

from dataclasses import fields
from datetime import datetime
from typing import Any

import strawberry
from strawberry.scalars import JSON
from strawberry.utils.str_converters import to_camel_case

from resolvers.errors import BadInput
from resolvers.upstreams.logistics.requests import TaskChange
from schema.enums import BroadcastPreference, TruckService, VehicleType
from schema.inputs.checks import Path, Refusals, json_object, not_blank, not_negative
from schema.inputs.task_fields import ContactInput, MoneyInput, TaskStopInput, check_order, stop_fields, task_fields


@strawberry.input(description="What to change in a task; what is left out or null stays as it is.")
class UpdateLogisticsTaskInput:
    """The changes of a task; operation lifetime."""

    version_rev: str = strawberry.field(description="The task's versionRev as last read; a stale one is a Conflict.")
    tracking_id: str | None = strawberry.field(description="The sender's id to track the task by.")
    group_tag: str | None = strawberry.field(description="The sender's tag of tasks that belong together.")
    invoice_number: str | None = strawberry.field(description="The invoice that the task belongs to.")
    pickup: TaskStopInput | None = strawberry.field(description="Where the goods are picked up.")
    dropoff: TaskStopInput | None = strawberry.field(description="Where the goods are handed over.")
    officer_contact: ContactInput | None = strawberry.field(description="The officer to ask for.")
    price: MoneyInput | None = strawberry.field(description="What the task pays, from 0 up.")
    min_price: MoneyInput | None = strawberry.field(description="The least that the task pays; in the same currency.")
    max_price: MoneyInput | None = strawberry.field(description="The most that the task pays; in the same currency.")
    increment: MoneyInput | None = strawberry.field(description="By what the price rises; in the same currency.")
    admin_fee: MoneyInput | None = strawberry.field(description="The fee on top; in the same currency.")
    cargo_net_quantity: int | None = strawberry.field(description="How many pieces are carried, from 0 up.")
    total_item_weight: float | None = strawberry.field(description="The weight of all items, from 0 up.")
    total_weight_unit: str | None = strawberry.field(description="The weight's unit.")
    total_item_volume: float | None = strawberry.field(description="The volume of all items, from 0 up.")
    total_volume_unit: str | None = strawberry.field(description="The volume's unit.")
    total_item_quantity: int | None = strawberry.field(description="How many items there are, from 0 up.")
    total_quantity_unit: str | None = strawberry.field(description="What is counted, such as `lift`.")
    broadcast_preference: BroadcastPreference | None = strawberry.field(
        description="Which drivers the task is offered to."
    )
    vehicle_preference: VehicleType | None = strawberry.field(description="The vehicle that the task needs.")
    service: TruckService | None = strawberry.field(description="How much of a truck the task takes.")
    client_time: datetime | None = strawberry.field(description="The client's time.")
    client_timezone: str | None = strawberry.field(description="The client's time zone, such as Asia/Singapore.")
    organization_id: strawberry.ID | None = strawberry.field(
        description="The organization that the task is carried out for."
    )
    epod: JSON | None = strawberry.field(description="Electronic proof of delivery, a JSON object.")

    def to_request(self, path: Path) -> TaskChange:
        """Return the input as it is sent upstream.

        Raises:
            BadInput: The revision is blank, the time windows are out of order, the amounts are in several currencies,
                a part is refused, or there is nothing to change.
        """
        # Only the revision is required in the document, so the upstream would take it as a change of nothing.
        if all(getattr(self, one.name) is None for one in fields(self) if one.name != "version_rev"):
            raise BadInput("There is nothing to change: give a field beside versionRev.", path=path)
        officer = self.officer_contact
        with Refusals() as checked:
            # In any form: the document has one example of it and describes none.
            version_rev = checked(not_blank, self.version_rev, (*path, "versionRev"))
            stops = checked(stop_fields, self.pickup, self.dropoff, path)
            checked(check_order, self.pickup, self.dropoff, path)
            officer_contact = checked(officer.to_request, (*path, "officerContact")) if officer else None
            common = checked(task_fields, self, path)
            amounts = checked(self._amounts, path)
            totals = checked(self._totals, path)
            epod = checked(json_object, self.epod, (*path, "epod"))
        # Behind the block, where no part is None because it was refused.
        return TaskChange(
            version_rev=version_rev,
            officer_contact=officer_contact,
            client_time_utc=self.client_time,
            client_timezone=self.client_timezone,
            epod=epod,
            **stops,
            # The amounts last: they have the currency where the price itself is not changed.
            **(common | amounts),
            **totals,
        )

    def _totals(self, path: Path) -> dict[str, Any]:
        with Refusals() as checked:
            return {
                "total_item_weight": checked(not_negative, self.total_item_weight, (*path, "totalItemWeight")),
                "total_weight_unit": self.total_weight_unit,
                "total_item_volume": checked(not_negative, self.total_item_volume, (*path, "totalItemVolume")),
                "total_volume_unit": self.total_volume_unit,
                "total_item_quantity": checked(not_negative, self.total_item_quantity, (*path, "totalItemQuantity")),
                "total_quantity_unit": self.total_quantity_unit,
            }

    def _amounts(self, path: Path) -> dict[str, Any]:
        amounts = {
            "min_price": self.min_price,
            "max_price": self.max_price,
            "increment": self.increment,
            "admin_fee": self.admin_fee,
        }
        given = {name: money for name, money in amounts.items() if money is not None}
        # One currency for all amounts, because the upstream has one field for it in a task.
        wanted = [money.currency for money in (self.price, *given.values()) if money is not None]
        sent: dict[str, Any] = {"currency": wanted[0]} if wanted else {}
        with Refusals() as checked:
            for name, money in given.items():
                # The path in the client's spelling, the field in the vendor's.
                sent[name] = checked(_amount_in, wanted[0], money, (*path, to_camel_case(name)))
        return sent


def _amount_in(currency: str, money: MoneyInput, path: Path) -> int:
    if money.currency != currency:
        raise BadInput(f"All amounts of a task must be in one currency, here {currency}.", path=path)
    return money.thousandths(path)
