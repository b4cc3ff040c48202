"""Deliveries: reads of one and of pages, the records that belong to one, and changes."""

from collections.abc import Awaitable
from typing import Final

import msgspec
from strawberry import Parent

from resolvers.connections import Connection, PageRequest, name_under, offset_of
from resolvers.context import Context
from resolvers.errors import Conflicting, NotAllowedNow, RecordMissing, UpstreamBadAnswer
from resolvers.idempotency.outcomes import Looked, Made, Request
from resolvers.idempotency.secrets import IdempotencyKey
from resolvers.idempotency.window import Window
from resolvers.kinds.deliveries import DELIVERY, DELIVERY_PAGE, IDENTIFICATION_OF_DELIVERY, PRODUCT_OF_DELIVERY
from resolvers.loading.delivery_batches import read_listed
from resolvers.numbered_pages import NumberedList
from resolvers.rereading import add_record, not_shown, read_after_change
from resolvers.selection import OperationInfo, selected_below
from resolvers.served_pages import ReadPage
from resolvers.settling.deliveries import find_delivery
from resolvers.unreadable import read_ones
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.deliveries.records import (
    Delivery,
    DeliveryPage,
    DeliveryReference,
    DspUploadIdentification,
    ListMeta,
    PageMeta,
    Product,
)
from resolvers.upstreams.deliveries.requests import DeliveryChange, DeliveryFilters, NewDelivery
from resolvers.upstreams.deliveries.vocabulary import DeliveryStatus
from resolvers.upstreams.names import UpstreamName

LIST: Final = "deliveries"


def delivery(context: Context, delivery_id: str) -> Awaitable[Delivery | None]:
    """Return a delivery; None where there is none."""
    context.account.require_read(UpstreamName.DELIVERIES)
    return context.loaders.of(DELIVERY).load(delivery_id)


async def deliveries(
    info: OperationInfo, filters: DeliveryFilters, request: PageRequest, *, newest_first: bool | None
) -> Connection[Delivery]:
    """Return a page of deliveries, in at most two calls unless the upstream serves smaller pages than requested.

    A page at the end that the upstream serves last takes one more call, for the list's length.

    Args:
        info: The query's.
        filters: The filters.
        request: The page.
        newest_first: Which end of the list comes first; None for the upstream's order.

    Raises:
        BadInput: The cursor is of another list.
        UpstreamBadAnswer: The upstream does not report the total that is selected, or that the page takes.
    """
    context = info.context
    context.account.require_read(UpstreamName.DELIVERIES)
    list_name = _list_name(filters, newest_first=newest_first)
    place = offset_of(list_name, request)

    read_page = _pages(context, filters) if filters.ids is None else _pages_of_ids(context, filters)
    caps = context.account.page_caps
    listed = NumberedList(UpstreamName.DELIVERIES, list_name, read_page, lambda one: one.send_task_id, caps)
    against = newest_first is not None and newest_first is not context.account.deliveries.newest_first
    connection = await listed.page(request, place, against=against)
    # `totalCount` is not nullable, unlike the total that the upstream reports.
    if connection.total_count is None and "totalCount" in selected_below(info):
        raise UpstreamBadAnswer(UpstreamName.DELIVERIES, "DELIVERIES answered a list without saying how long it is.")
    found = {record.send_task_id: record for record in read_ones(connection.nodes)}
    # So that `node` and other fields of the operation need no call for them.
    context.loaders.of(DELIVERY).prime(found)
    return connection


def _list_name(filters: DeliveryFilters, *, newest_first: bool | None) -> str:
    order = {None: "", True: " newest first", False: " oldest first"}[newest_first]
    # The same for any order of ids, so that a cursor stays valid.
    return name_under(f"{LIST}{order}", _ids_in_order(filters))


def _ids_in_order(filters: DeliveryFilters) -> DeliveryFilters:
    ids = None if filters.ids is None else tuple(sorted(set(filters.ids)))
    return msgspec.structs.replace(filters, ids=ids)


def _pages(context: Context, filters: DeliveryFilters) -> ReadPage[Delivery]:
    account = context.account

    async def read_page(number: int, per_page: int) -> DeliveryPage:
        async def ask(scope: CallScope) -> DeliveryPage:
            return await account.deliveries.deliveries(scope, filters, page_number=number, page_size=per_page)

        return await context.loaders.page(DELIVERY_PAGE, (filters, number, per_page), ask)

    return read_page


def _pages_of_ids(context: Context, filters: DeliveryFilters) -> ReadPage[Delivery]:
    # All are read, in batches, and pages are cut from the result: only the whole answer shows whether the upstream
    # accepts lists of ids.
    account, filters = context.account, _ids_in_order(filters)

    async def ask(scope: CallScope) -> DeliveryPage:
        return await read_listed(account, scope, filters)

    async def read_page(number: int, per_page: int) -> DeliveryPage:
        whole = await context.loaders.page(DELIVERY_PAGE, (filters,), ask)
        records = whole.records[(number - 1) * per_page : number * per_page]
        return DeliveryPage(records, ListMeta(PageMeta(total=whole.total, per_page=per_page)))

    return read_page


def product(delivery: Parent[Delivery], info: OperationInfo) -> Awaitable[Product | None]:
    """Return the product that a delivery sends."""
    info.context.account.require_read(UpstreamName.DELIVERIES)
    return info.context.loaders.of(PRODUCT_OF_DELIVERY).load(delivery.send_task_id)


def upload_identification(delivery: Parent[Delivery], info: OperationInfo) -> Awaitable[DspUploadIdentification | None]:
    """Return the upload identification that a delivery uses."""
    info.context.account.require_read(UpstreamName.DELIVERIES)
    return info.context.loaders.of(IDENTIFICATION_OF_DELIVERY).load(delivery.send_task_id)


async def create(context: Context, request: NewDelivery, key: IdempotencyKey | None = None) -> Delivery:
    """Create a delivery and return it.

    Args:
        context: The operation's context.
        request: The delivery.
        key: Creates it once for all requests with this key.

    Raises:
        UpstreamError: It was not created, or the outcome is unknown.
    """
    context.account.require_write(UpstreamName.DELIVERIES)
    since = context.status_version

    async def send() -> Made[Delivery]:
        async with context.changing(DELIVERY) as changed:
            created = await context.account.deliveries.create_delivery(context.scope, request)
            changed.add(created.send_task_id)
        # Some answers have only the id of the new record.
        return Made((created.send_task_id,), () if isinstance(created, DeliveryReference) else (created,))

    async def find(window: Window) -> Made[Delivery] | Looked:
        return await find_delivery(context, request, window)

    async with context.once(key, ("createDelivery", request)) as run:
        made = await run.part(0, Request(UpstreamName.DELIVERIES, "the delivery", send, find))
    if not made.records:
        return await _reread(context, made.ids[0])
    (created,) = made.records
    await context.publish_status(since, created)
    return created


async def update(info: OperationInfo, delivery_id: str, change: DeliveryChange) -> Delivery:
    """Change a delivery and return it.

    Raises:
        Conflicting: Another one is in progress; has the current delivery where it is selected.
        UpstreamError: It was not changed, or the outcome is unknown.
    """
    context = info.context
    try:
        return await _change(context, delivery_id, change)
    except Conflicting as refusal:
        if selected_below(info, "delivery"):
            await add_record(context, refusal, context.loaders.of(DELIVERY), delivery_id)
        raise


async def _change(context: Context, delivery_id: str, change: DeliveryChange) -> Delivery:
    context.account.require_write(UpstreamName.DELIVERIES)
    since = context.status_version
    async with context.changing(DELIVERY, [delivery_id]):
        updated = await context.account.deliveries.update_delivery(context.scope, delivery_id, change)
    if updated is None:
        updated = await _reread(context, delivery_id)
        if not _shows(change, updated):
            raise not_shown(UpstreamName.DELIVERIES, "delivery", delivery_id, updated)
        return updated
    await context.publish_status(since, updated)
    return updated


async def cancel(context: Context, delivery_id: str) -> Delivery:
    """Hold back a delivery that has not started, and return it.

    Raises:
        RecordMissing: There is no such delivery.
        NotAllowedNow: It has started or has ended; has the current delivery.
        Conflicting: The upstream refused it although it was pending; has the delivery as read before.
    """
    # The upstream cannot delete one (send-tasks document, Delete SendTask), so it is made undeliverable.
    context.account.require_write(UpstreamName.DELIVERIES)
    # Past the cache, because a stale status would allow or refuse wrongly.
    found = await context.account.deliveries.delivery(context.scope, delivery_id)
    if found is None:
        raise RecordMissing(UpstreamName.DELIVERIES, f"There is no delivery {delivery_id}.")
    if found.status is not DeliveryStatus.PENDING:
        refusal = NotAllowedNow(
            UpstreamName.DELIVERIES,
            f"Delivery {delivery_id} is {found.raw_status}, and only a pending one can be held back; "
            "to take a product down, create a delivery of type DELETE.",
            raw_status=found.raw_status,
        )
        refusal.record = found
        raise refusal
    try:
        return await _change(context, delivery_id, DeliveryChange(deliverable=False))
    except Conflicting as conflict:
        conflict.record = found
        raise


async def _reread(context: Context, delivery_id: str) -> Delivery:
    since = context.status_version
    found = await read_after_change(context, DELIVERY, "delivery", context.loaders.of(DELIVERY), delivery_id)
    await context.publish_status(since, found)
    return found


def _shows(change: DeliveryChange, found: Delivery) -> bool:
    """Return whether a delivery has the changed values."""
    # Not its status, which goes on by itself.
    return change.deliverable in {None, found.attributes.deliverable} and change.type in {None, found.type}
