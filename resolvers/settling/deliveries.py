"""Finds the delivery that a request of unknown outcome created: by product, channel, type and time.

While a delivery is in progress the upstream takes no second one of the same product, DSP and type (send-tasks document,
Introduction), so at most one that was created then can be meant.
"""

from datetime import timedelta
from typing import Final

from resolvers.context import Context
from resolvers.idempotency.outcomes import Looked, Made
from resolvers.idempotency.window import Window
from resolvers.kinds.deliveries import DELIVERY
from resolvers.unreadable import readable
from resolvers.upstreams.deliveries.records import Delivery, Party
from resolvers.upstreams.deliveries.requests import DeliveryFilters, NewDelivery

PAGE_SIZE: Final = 100

MAX_PAGES: Final = 5
"""Calls for one look; so many deliveries of one product through one channel in two days are not expected."""


async def find_delivery(context: Context, request: NewDelivery, window: Window) -> Made[Delivery] | Looked:
    """Return the delivery that a request has created.

    Args:
        context: The operation's context.
        request: The request.
        window: When the record was made.

    Raises:
        UpstreamError: The list could not be read.
    """
    filters = DeliveryFilters(
        product_id=request.product_id,
        type=request.type,
        dsp_upload_identification_id=request.dsp_upload_identification_id,
        # A day early, because no document says in which zone the upstream's days are.
        created_from=(window.start - timedelta(days=1)).date(),
    )
    listed, is_whole = await _listed(context, filters)
    if any(one.attributes.created_at is None for one in listed):
        return Looked.UNSURE
    found = [one for one in listed if _fits(one, request, window)]
    if len(found) == 1:
        (delivery,) = found
        # Its absence may be cached, because who created it could not forget that.
        await context.forget(DELIVERY, [delivery.send_task_id])
        return Made((delivery.send_task_id,), (delivery,))
    return Looked.ABSENT if not found and is_whole else Looked.UNSURE


async def _listed(context: Context, filters: DeliveryFilters) -> tuple[list[Delivery], bool]:
    """Return the deliveries that pass the filters, and whether these are all."""
    listed: list[Delivery] = []
    for number in range(1, MAX_PAGES + 1):
        page = await context.account.deliveries.deliveries(
            context.scope, filters, page_number=number, page_size=PAGE_SIZE
        )
        records = readable(page.records)
        if len(records) < len(page.records):
            return listed, False
        listed += records
        if not records or (page.total is not None and len(listed) >= page.total):
            return listed, True
    return listed, False


def _fits(delivery: Delivery, request: NewDelivery, window: Window) -> bool:
    created_at, party = delivery.attributes.created_at, delivery.sent_on_behalf_of or Party(None, None)
    asked = (request.type, request.sent_on_behalf_of_name, request.sent_on_behalf_of_dpid)
    return created_at is not None and window.holds(created_at) and (delivery.type, party.name, party.dpid) == asked
