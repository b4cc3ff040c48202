"""Price recommendations (document: Get price recommendation)."""

from typing import Any, TypeVar

import msgspec

from resolvers.errors import UpstreamBadAnswer
from resolvers.upstreams.logistics.money import Money, Thousandths, money
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.numbers import Int32
from resolvers.upstreams.record import promised_at

Value = TypeVar("Value")


class PriceQuote(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={"currency": "total_fee_currency", "wire_code": "code", "wire_waypoints": "total_waypoint"},
):
    """What a way would cost.

    Args:
        total_fee: Whole 1/1000 cents of `currency`, as is `average_fee`.
        average_fee: Likewise.
        currency: ISO 4217.
        wire_code: The upstream's word, such as `success`.
        wire_waypoints: How many places were counted.
        distance: As it came: the vendor does not document its fields.
    """

    total_fee: Thousandths
    average_fee: Thousandths | None = None
    currency: str | None = None
    wire_code: str | None = None
    wire_waypoints: Int32 | None = None
    distance: Any = None

    code = promised_at("wire_code", UpstreamName.LOGISTICS)
    waypoints = promised_at("wire_waypoints", UpstreamName.LOGISTICS)

    @property
    def total(self) -> Money:
        """For the whole way."""
        return money(self.total_fee, _told(self.currency, "total_fee_currency"))

    @property
    def average(self) -> Money:
        """What is usually paid."""
        return money(_told(self.average_fee, "average_fee"), _told(self.currency, "total_fee_currency"))


def _told(value: Value | None, name: str) -> Value:
    if value is None:
        raise UpstreamBadAnswer(UpstreamName.LOGISTICS, f"LOGISTICS answered a price without its {name}.")
    return value
