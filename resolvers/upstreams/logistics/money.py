"""Amounts between the logistics API, which counts in 1/1000 cents, and everyone else.

Nothing here passes through a float: what the upstream says is what the client reads, to the last digit.
"""

from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Annotated, Final

import msgspec

_EXACT: Final = Context(prec=40, traps=[Inexact, InvalidOperation])

_LARGEST_EXPONENT: Final = 12
"""9999999999999.99999 in 1/1000 cents still fits the 64 bits that the vendor documents for a price."""

_TWO_TO_FOUR_PLACES: Final = ((1000, -2), (100, -3), (10, -4))

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
    """The amount behind a number of 1/1000 cents: 120000 is 1.20 (document: price)."""
    for unit, places in _TWO_TO_FOUR_PLACES:
        if value % unit == 0:
            return Money(_EXACT.scaleb(Decimal(value // unit), places), currency)
    return Money(_EXACT.scaleb(Decimal(value), -5), currency)


def thousandths_of_cents(amount: Decimal) -> int:
    """The number of 1/1000 cents in an amount of a currency's main unit: 1.20 is 120000.

    Raises:
        ValueError: it is finer than 1/1000 cent, not finite, or does not fit in 64 bits.
    """
    if not amount.is_finite() or amount.adjusted() > _LARGEST_EXPONENT:
        raise ValueError("The amount is too large to be sent: it must be below 10,000,000,000,000.")
    try:
        return int(_EXACT.to_integral_exact(_EXACT.scaleb(amount, 5)))
    except Inexact:
        raise ValueError("The amount is finer than 1/1000 cent; give at most five decimals.") from None
