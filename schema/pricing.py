"""Money and price quotes, as views of the records of the logistics API."""

from decimal import Decimal

import strawberry
from strawberry.scalars import JSON


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
    average: Money = strawberry.field(description="The price of one stop, on average.")
    distance: JSON | None = strawberry.field(description="How far the way is, as the upstream says it.")
    waypoints: int = strawberry.field(description="How many stops the upstream counted.")
    code: str = strawberry.field(description="The upstream's own word for the outcome, such as `success`.")
