"""The client of the logistics API: every operation of its documents but those for tokens."""

from typing import Final

import msgspec

from resolvers.upstreams.answers import decode
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.logistics.accounts_client import AccountsClient
from resolvers.upstreams.logistics.requests import PriceRequest
from resolvers.upstreams.logistics.stop_records import PriceQuote
from resolvers.upstreams.logistics.tasks_client import TasksClient

_PRICE_QUOTE: Final = msgspec.json.Decoder(PriceQuote, strict=False)


class LogisticsClient(TasksClient, AccountsClient):
    """Asks the logistics API; account lifetime.

    It never retries, waits, caches, logs or adds credentials: the transports that it is given do.
    """

    async def price(self, scope: CallScope, request: PriceRequest) -> PriceQuote:
        """What a way would cost."""
        call = self._writing(scope, "price", self._paths.price, request)
        return decode(_PRICE_QUOTE, call, await self._done(call))
