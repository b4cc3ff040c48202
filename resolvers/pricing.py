"""Price quotes for logistics tasks."""

from resolvers.context import Context
from resolvers.permissions import Scope
from resolvers.upstreams.logistics.price_records import PriceQuote
from resolvers.upstreams.logistics.requests import PriceRequest


async def quote(context: Context, request: PriceRequest) -> PriceQuote:
    """What a way would cost; the same question is asked once an operation."""
    context.account.require(Scope.LOGISTICS_READ)

    async def ask() -> PriceQuote:
        return await context.account.logistics.price(context.scope, request)

    quoted: PriceQuote = await context.loaders.once(("price", request.service_type, tuple(request.stops)), ask)
    return quoted
