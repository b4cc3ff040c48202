"""Price quotes for logistics tasks."""

from collections.abc import Awaitable
from typing import Final

from resolvers.context import Context
from resolvers.kinds.logistics import PRICE
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.logistics.prices import PriceQuote
from resolvers.upstreams.logistics.requests import PriceRequest, PriceStop
from resolvers.upstreams.names import UpstreamName

PLACE_DECIMALS: Final = 4
"""Of a degree, about 11 m: closer stops cost the same."""


def quote(context: Context, request: PriceRequest) -> Awaitable[PriceQuote]:
    """What a way would cost; the same way is asked for once a while, to about 11 m."""
    context.account.require_read(UpstreamName.LOGISTICS)
    account = context.account

    async def ask(scope: CallScope) -> PriceQuote:
        return await account.logistics.price(scope, request)

    stops = tuple(_rounded(stop) for stop in request.stops)
    return context.loaders.page(PRICE, (request.service_type, stops), ask)


def _rounded(stop: PriceStop) -> tuple[str | None, float | None, float | None]:
    return stop.address, _rounded_degrees(stop.latitude), _rounded_degrees(stop.longitude)


def _rounded_degrees(degrees: float | None) -> float | None:
    return None if degrees is None else round(degrees, PLACE_DECIMALS)
