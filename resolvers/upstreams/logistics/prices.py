"""Amounts of money, which the logistics API counts in 1/1000 cents, and its price quotes (document: price).

No amount passes through a float, so that a client reads what the upstream says to the last digit.
"""

from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Annotated, Any, Final, TypeVar

import msgspec

from resolvers.errors import UpstreamBadAnswer
from resolvers.upstreams.fields import Int32, promised_at
from resolvers.upstreams.names import UpstreamName

Value = TypeVar("Value")


# It raises instead of rounding, because a rounded amount would be a wrong one.
_EXACT: Final = Context(prec=40, traps=[Inexact, InvalidOperation])

_LARGEST_EXPONENT: Final = 12
"""Of the first digit: 9999999999999.99999 in 1/1000 cents still fits into 64 bits."""

_TWO_TO_FOUR_PLACES: Final = ((1000, -2), (100, -3), (10, -4))
"""Units in 1/1000 cents, and the exponents of amounts that are multiples of them."""

Thousandths = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""An amount on the wire, in 1/1000 cents; 64 bits, as the vendor documents for a price."""


class Money(msgspec.Struct, frozen=True, gc=False):
    """An exact amount of a currency's main unit.

    Args:
        amount: With at least two decimals.
        currency: ISO 4217.
    """

    amount: Decimal
    currency: str


def money(value: int, currency: str) -> Money:
    """Return the amount of a number of 1/1000 cents, with the fewest decimals from two up: 120000 is 1.20."""
    for unit, places in _TWO_TO_FOUR_PLACES:
        if value % unit == 0:
            return Money(_EXACT.scaleb(Decimal(value // unit), places), currency)
    return Money(_EXACT.scaleb(Decimal(value), -5), currency)


def thousandths_of_cents(amount: Decimal) -> int:
    """Return an amount of a currency's main unit as a number of 1/1000 cents: 1.20 is 120000.

    Raises:
        ValueError: it is finer than 1/1000 cent, not finite, or does not fit in 64 bits.
    """
    # Before the conversion, because `1E+1000000` as a whole number has a million digits.
    if not amount.is_finite() or amount.adjusted() > _LARGEST_EXPONENT:
        raise ValueError("The amount is too large to be sent: it must be below 10,000,000,000,000.")
    try:
        return int(_EXACT.to_integral_exact(_EXACT.scaleb(amount, 5)))
    except Inexact:
        raise ValueError("The amount is finer than 1/1000 cent; give at most five decimals.") from None


class PriceQuote(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={"currency": "total_fee_currency", "wire_code": "code", "wire_waypoints": "total_waypoint"},
):
    """The recommended price of a route. Lifetime: cache entry.

    Args:
        total_fee: The price of the whole route, in 1/1000 cents of `currency`.
        average_fee: The upstream's average, likewise; the vendor does not document what it is the average of.
        currency: ISO 4217.
        wire_code: The upstream's word, such as `success`.
        wire_waypoints: The number of places that were counted.
        distance: The upstream's object, whose fields the vendor does not document.
    """

    # The only required field: a quote is of no use without it, and of some use without any other.
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
        """The price of the whole route."""
        # Without a currency it is an error, since no document says in which one the fees then are.
        return money(self.total_fee, _promised(self.currency, "total_fee_currency"))

    @property
    def average(self) -> Money:
        """The upstream's average fee."""
        return money(_promised(self.average_fee, "average_fee"), _promised(self.currency, "total_fee_currency"))


def _promised(value: Value | None, name: str) -> Value:
    if value is None:
        raise UpstreamBadAnswer(UpstreamName.LOGISTICS, f"LOGISTICS answered a price without its {name}.")
    return value
