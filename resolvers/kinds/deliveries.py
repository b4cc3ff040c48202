"""The types of record of the send-tasks API."""

from collections.abc import Iterable
from typing import Any, Final

from resolvers.accounts import Account
from resolvers.cache.kind import CachedKind, Freshness, always, by_state
from resolvers.catalogue import RecordType
from resolvers.ids import number_form
from resolvers.loading.delivery_batches import MAX_DELIVERY_BATCH, read_delivery, read_together
from resolvers.unreadable import readable
from resolvers.upstreams import operations
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.deliveries.records import Delivery, DeliveryPage, DspUploadIdentification, Product
from resolvers.upstreams.names import UpstreamName

# Numbers, by the vendor's documents "Get SendTask" and "Filters".
DELIVERY_ID: Final = number_form("Delivery", "4711")
PRODUCT_ID: Final = number_form("Product", "42")
IDENTIFICATION_ID: Final = number_form("DspUploadIdentification", "1876")

DELIVERIES_LIST: Final = "deliveries"


async def _product(account: Account, scope: CallScope, product_id: str) -> Product | None:
    return await account.deliveries.product(scope, product_id)


async def _product_of(account: Account, scope: CallScope, delivery_id: str) -> Product | None:
    return await account.deliveries.product_of(scope, delivery_id)


async def _identification(account: Account, scope: CallScope, identification_id: str) -> DspUploadIdentification | None:
    return await account.deliveries.upload_identification(scope, identification_id)


async def _identification_of(account: Account, scope: CallScope, delivery_id: str) -> DspUploadIdentification | None:
    return await account.deliveries.upload_identification_of(scope, delivery_id)


def _deliveries_of(page: DeliveryPage) -> Iterable[tuple[CachedKind[Any], str, Any]]:
    return [(DELIVERY, delivery.send_task_id, delivery) for delivery in readable(page.records)]


PRODUCT: Final = CachedKind[Product](
    "product",
    Product,
    UpstreamName.DELIVERIES,
    always(Freshness.REFERENCE),
    fetch=_product,
    operation=operations.PRODUCT,
    path="/products/{id}",
)


IDENTIFICATION: Final = CachedKind[DspUploadIdentification](
    "dsp upload identification",
    DspUploadIdentification,
    UpstreamName.DELIVERIES,
    always(Freshness.REFERENCE),
    fetch=_identification,
    operation=operations.UPLOAD_IDENTIFICATION,
    path="/dsp-upload-identifications/{id}",
)


# A relationship is kept as the id that it leads to, a text, so that the product itself is kept once.
PRODUCT_OF_DELIVERY: Final = CachedKind[Any](
    "product of delivery",
    str,
    UpstreamName.DELIVERIES,
    # No field of an update changes it (document: Update SendTask), so it is kept for long.
    always(Freshness.RELATIONSHIP),
    fetch=_product_of,
    holds=lambda product: [(PRODUCT, product.product_id, product)],
    leads_to=PRODUCT,
    operation=operations.PRODUCT_OF,
    path="/send-tasks/{id}/product",
)


IDENTIFICATION_OF_DELIVERY: Final = CachedKind[Any](
    "dsp upload identification of delivery",
    str,
    UpstreamName.DELIVERIES,
    always(Freshness.RELATIONSHIP),
    fetch=_identification_of,
    holds=lambda channel: [(IDENTIFICATION, channel.dsp_upload_identification_id, channel)],
    leads_to=IDENTIFICATION,
    operation=operations.UPLOAD_IDENTIFICATION_OF,
    path="/send-tasks/{id}/dsp-upload-identification",
)


DELIVERY: Final = CachedKind[Delivery](
    "delivery",
    Delivery,
    UpstreamName.DELIVERIES,
    by_state,
    fetch=read_delivery,
    fetch_many=read_together,
    max_batch=MAX_DELIVERY_BATCH,
    dependents=(PRODUCT_OF_DELIVERY, IDENTIFICATION_OF_DELIVERY),
    lists=(DELIVERIES_LIST,),
    operation=operations.DELIVERY,
    path="/send-tasks/{id}",
)


DELIVERY_PAGE: Final = CachedKind[DeliveryPage](
    "page of deliveries",
    DeliveryPage,
    UpstreamName.DELIVERIES,
    always(Freshness.LIST),
    lists=(DELIVERIES_LIST,),
    holds=_deliveries_of,
    shared=False,
    operation=operations.DELIVERIES,
    path="/send-tasks",
)

DELIVERY_TYPE: Final = RecordType(DELIVERY_ID, DELIVERY, tracked=Delivery, subject=True)
PRODUCT_TYPE: Final = RecordType(PRODUCT_ID, PRODUCT)
IDENTIFICATION_TYPE: Final = RecordType(IDENTIFICATION_ID, IDENTIFICATION)
