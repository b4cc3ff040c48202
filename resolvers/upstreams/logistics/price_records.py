"""Price recommendations (document: Get price recommendation)."""

from typing import Any

import msgspec

from resolvers.upstreams.logistics.money import Money, Thousandths, money
from resolvers.upstreams.numbers import Int32


class PriceQuote(
    msgspec.Struct, frozen=True, gc=False, rename={"currency": "total_fee_currency", "waypoints": "total_waypoint"}
):
    """What a way would cost.

    Args:
        total_fee: Whole 1/1000 cents of `currency`, as is `average_fee`.
        average_fee: Likewise.
        currency: ISO 4217.
        code: The upstream's word, such as `success`.
        waypoints: How many places were counted.
        distance: As it came: the vendor does not document its fields.
    """

    total_fee: Thousandths
    average_fee: Thousandths
    currency: str
    code: str
    waypoints: Int32
    distance: Any = None

    @property
    def total(self) -> Money:
        """For the whole way."""
        return money(self.total_fee, self.currency)

    @property
    def average(self) -> Money:
        """What is usually paid."""
        return money(self.average_fee, self.currency)
