"""Amounts of money as clients write them, and as the logistics API counts them."""

from decimal import Decimal

import strawberry

from resolvers.errors import BadInput
from resolvers.upstreams.logistics.money import thousandths_of_cents
from schema.inputs.checks import Path
from schema.inputs.currencies import ISO_4217


@strawberry.input(description="An exact amount of a currency's main unit.")
class MoneyInput:
    """An amount that a client names; operation lifetime."""

    amount: Decimal = strawberry.field(
        description="From 0 up, with at most five decimals: nothing finer than 1/1000 cent."
    )
    currency: str = strawberry.field(description="An active code of ISO 4217, such as SGD.")

    def thousandths(self, path: Path) -> int:
        """The amount in 1/1000 cents.

        Raises:
            BadInput: it is negative, too large, finer than 1/1000 cent, or in no currency of ISO 4217.
        """
        if self.currency not in ISO_4217:
            raise BadInput(f"{self.currency[:10]!r} is no active currency code of ISO 4217, such as SGD.", path=path)
        if self.amount < 0:
            raise BadInput(f"{self.amount} is negative; an amount must be 0 or more.", path=path)
        try:
            return thousandths_of_cents(self.amount)
        except ValueError as error:
            raise BadInput(str(error), path=path) from error
