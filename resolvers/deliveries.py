"""Deliveries: one, a page of them, what belongs to one, and the three changes."""

from collections.abc import Awaitable
from typing import Final

import msgspec
from strawberry import Parent

from resolvers.connections import Connection, check_first, name_under, place_behind
from resolvers.context import Context
from resolvers.errors import Conflicting, NotAllowedNow, RecordMissing, UpstreamBadAnswer
from resolvers.kinds.deliveries import DELIVERY, DELIVERY_PAGE, IDENTIFICATION_OF_DELIVERY, PRODUCT_OF_DELIVERY
from resolvers.loading.delivery_batches import read_listed
from resolvers.numbered_pages import NumberedList, ReadPage
from resolvers.rereading import add_record, not_shown, read_after_change
from resolvers.selection import OperationInfo, selected_below
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
    """One delivery; None where there is none."""
    context.account.require_read(UpstreamName.DELIVERIES)
    return context.loaders.of(DELIVERY).load(delivery_id)


async def deliveries(
    info: OperationInfo, filters: DeliveryFilters, first: int, after: str | None
) -> Connection[Delivery]:
    """A page of deliveries, in at most two calls wherever it starts, unless the upstream serves smaller pages.

    Of a list of ids all are read, in batches: only so can it be told whether the upstream takes lists of them.

    Raises:
        BadInput: `first` or `after` is none.
        UpstreamBadAnswer: the list does not say how long it is, and that is asked for.
    """
    context = info.context
    context.account.require_read(UpstreamName.DELIVERIES)
    list_name = _list_name(filters)
    size, (start, trail) = check_first(first), place_behind(list_name, after)

    read_page = _pages(context, filters) if filters.ids is None else _pages_of_ids(context, filters)
    caps = context.account.page_caps
    listed = NumberedList(UpstreamName.DELIVERIES, list_name, read_page, lambda one: one.send_task_id, caps)
    connection = await listed.window(start, size, trail)
    if connection.total_count is None and "totalCount" in selected_below(info):
        raise UpstreamBadAnswer(UpstreamName.DELIVERIES, "DELIVERIES answered a list without saying how long it is.")
    found = {record.send_task_id: record for record in read_ones(connection.nodes)}
    context.loaders.of(DELIVERY).prime(found)
    return connection


def _list_name(filters: DeliveryFilters) -> str:
    """The same whatever order the ids are given in."""
    return name_under(LIST, _ids_in_order(filters))


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
    account, filters = context.account, _ids_in_order(filters)

    async def ask(scope: CallScope) -> DeliveryPage:
        return await read_listed(account, scope, filters)

    async def read_page(number: int, per_page: int) -> DeliveryPage:
        whole = await context.loaders.page(DELIVERY_PAGE, (filters,), ask)
        records = whole.records[(number - 1) * per_page : number * per_page]
        return DeliveryPage(records, ListMeta(PageMeta(total=whole.total, per_page=per_page)))

    return read_page


def product(delivery: Parent[Delivery], info: OperationInfo) -> Awaitable[Product | None]:
    """The product that a delivery sends."""
    info.context.account.require_read(UpstreamName.DELIVERIES)
    return info.context.loaders.of(PRODUCT_OF_DELIVERY).load(delivery.send_task_id)


def upload_identification(delivery: Parent[Delivery], info: OperationInfo) -> Awaitable[DspUploadIdentification | None]:
    """The channel that a delivery goes through."""
    info.context.account.require_read(UpstreamName.DELIVERIES)
    return info.context.loaders.of(IDENTIFICATION_OF_DELIVERY).load(delivery.send_task_id)


async def create(context: Context, request: NewDelivery) -> Delivery:
    """Create a delivery.

    Raises:
        UpstreamError: it was not done, or nobody knows whether it was.
    """
    context.account.require_write(UpstreamName.DELIVERIES)
    since = context.status_version
    async with context.changing(DELIVERY) as changed:
        created = await context.account.deliveries.create_delivery(context.scope, request)
        changed.add(created.send_task_id)
    if isinstance(created, DeliveryReference):
        return await _reread(context, created.send_task_id)
    await context.tell_status(since, created)
    return created


async def update(info: OperationInfo, delivery_id: str, change: DeliveryChange) -> Delivery:
    """Change what may be changed of a delivery.

    Raises:
        Conflicting: another one is in progress; with the delivery as it stands where that is asked for.
        UpstreamError: it was not done, or nobody knows whether it was.
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
    await context.tell_status(since, updated)
    return updated


async def cancel(context: Context, delivery_id: str) -> Delivery:
    """Hold a delivery back that has not started; the upstream can delete none (send-tasks document, Delete SendTask).

    Raises:
        RecordMissing: there is no such delivery.
        NotAllowedNow: it has started or is over; with the delivery as it stands.
        Conflicting: the upstream refused it although it was pending; with the delivery as it was read before.
    """
    context.account.require_write(UpstreamName.DELIVERIES)
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
    await context.tell_status(since, found)
    return found


def _shows(change: DeliveryChange, found: Delivery) -> bool:
    """Whether a delivery shows a change, as far as that can be told: its status goes on by itself."""
    return change.deliverable in {None, found.attributes.deliverable} and change.type in {None, found.type}
