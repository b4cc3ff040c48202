"""Logistics: tasks and pages of them, organizations and their roles, the partner account, and price quotes.

Changes of tasks are in `resolvers/task_changes.py`.
"""

from collections.abc import Awaitable
from typing import Final

from strawberry import Parent

from resolvers.connections import Connection, PageRequest, name_under, offset_of
from resolvers.context import Context
from resolvers.errors import BadInput
from resolvers.filtered_pages import filtered_page
from resolvers.idempotency.outcomes import Looked, Made, Request
from resolvers.idempotency.secrets import IdempotencyKey
from resolvers.idempotency.window import Window
from resolvers.kinds.logistics import ORGANIZATION, ORGANIZATION_PAGE, PARTNER, PRICE, ROLES, TASK, TASK_PAGE
from resolvers.numbered_pages import NumberedList
from resolvers.rereading import read_after_change
from resolvers.selection import OperationInfo, selected_below
from resolvers.settling.organizations import find_organization
from resolvers.task_filters import EVERY_TASK, TaskFilters
from resolvers.unreadable import read_ones
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.logistics.account_records import Organization, OrganizationReference, Partner, Role
from resolvers.upstreams.logistics.answers import ListPage
from resolvers.upstreams.logistics.prices import PriceQuote
from resolvers.upstreams.logistics.requests import Invitation, PriceRequest, PriceStop
from resolvers.upstreams.logistics.task_records import LogisticsTask
from resolvers.upstreams.names import UpstreamName

TASKS: Final = "logistics tasks"

ORGANIZATIONS: Final = "organizations"

PLACE_DECIMALS: Final = 4
"""Decimals of a degree, about 11 m; stops that are closer have the same price."""


def task(context: Context, task_id: str) -> Awaitable[LogisticsTask | None]:
    """Return a task; None where there is none."""
    context.account.require_read(UpstreamName.LOGISTICS)
    return context.loaders.of(TASK).load(task_id)


async def tasks(
    info: OperationInfo, filters: TaskFilters, request: PageRequest, *, descending: bool
) -> Connection[LogisticsTask]:
    """Return a page of tasks, in at most two calls unless the upstream serves smaller pages than requested.

    A filtered page takes up to `MOST_READ` large pages of the upstream, which filters nothing.

    Args:
        info: The query's.
        filters: The filters.
        request: The page.
        descending: Whether the newest task comes first.

    Raises:
        BadInput: The cursor is of another list.
    """
    context = info.context
    context.account.require_read(UpstreamName.LOGISTICS)
    # A cursor of one direction is refused in the other.
    list_name = f"{TASKS} {'descending' if descending else 'ascending'}"
    if filters != EVERY_TASK:
        list_name = name_under(list_name, filters)
    place = offset_of(list_name, request, from_end=True)
    # The upstream reports no total, so a page at the end of the list is the first one in the opposite order, and all
    # places behind it are counted in that.
    from_end = request.backwards if place is None else place.index < 0

    account, upside_down = context.account, descending is not from_end

    async def read_page(number: int, per_page: int) -> ListPage[LogisticsTask]:
        async def ask(scope: CallScope) -> ListPage[LogisticsTask]:
            return await account.logistics.tasks(scope, page=number, per_page=per_page, descending=upside_down)

        return await context.loaders.page(TASK_PAGE, (upside_down, number, per_page), ask)

    # Only a further record shows whether there is a next page.
    look_further = request.unproven in selected_below(info, "pageInfo")
    listed = NumberedList(
        UpstreamName.LOGISTICS, list_name, read_page, lambda one: one.task_id, account.page_caps, from_end=from_end
    )
    if filters != EVERY_TASK:
        connection = await filtered_page(listed, request, place, filters.match, against=from_end)
    else:
        connection = await listed.page(request, place, against=from_end, look_further=look_further)
    found = {record.task_id: record for record in read_ones(connection.nodes)}
    context.loaders.of(TASK).prime(found)
    return connection


def organization_of(task: Parent[LogisticsTask], info: OperationInfo) -> Awaitable[Organization | None] | None:
    """Return the organization that a task belongs to; None where it has none."""
    info.context.account.require_read(UpstreamName.LOGISTICS)
    if task.organization_id is None:
        return None
    return info.context.loaders.of(ORGANIZATION).load(task.organization_id)


def partner(context: Context) -> Awaitable[Partner | None]:
    """Return the partner account, without its secret key."""
    context.account.require_read(UpstreamName.LOGISTICS)
    # One for each account, so it has no id.
    return context.loaders.of(PARTNER).load("")


def quote(context: Context, request: PriceRequest) -> Awaitable[PriceQuote]:
    """Return the price of a route; cached for a while for routes that differ by less than about 11 m."""
    context.account.require_read(UpstreamName.LOGISTICS)
    account = context.account

    async def ask(scope: CallScope) -> PriceQuote:
        return await account.logistics.price(scope, request)

    # Rounded for the key of the cache only; the upstream gets the exact places.
    stops = tuple(_rounded(stop) for stop in request.stops)
    return context.loaders.page(PRICE, (request.service_type, stops), ask)


def _rounded(stop: PriceStop) -> tuple[str | None, float | None, float | None]:
    return stop.address, _rounded_degrees(stop.latitude), _rounded_degrees(stop.longitude)


def _rounded_degrees(degrees: float | None) -> float | None:
    return None if degrees is None else round(degrees, PLACE_DECIMALS)


def organization(context: Context, organization_id: str) -> Awaitable[Organization | None]:
    """Return an organization; None where there is none."""
    context.account.require_read(UpstreamName.LOGISTICS)
    return context.loaders.of(ORGANIZATION).load(organization_id)


async def organizations(info: OperationInfo, request: PageRequest) -> Connection[Organization]:
    """Return a page of organizations, in at most two calls unless the upstream serves smaller pages than requested.

    Raises:
        BadInput: The cursor is of another list, or the page is at the end of the list.
    """
    context = info.context
    context.account.require_read(UpstreamName.LOGISTICS)
    place = offset_of(ORGANIZATIONS, request)
    if place is None and request.backwards:
        raise BadInput(
            "LOGISTICS does not say where its list of organizations ends: pass `before` with `last`, or read forwards "
            "with `first`.",
            path=["last"],
        )

    account = context.account

    async def read_page(number: int, per_page: int) -> ListPage[Organization]:
        async def ask(scope: CallScope) -> ListPage[Organization]:
            return await account.logistics.organizations(scope, page=number, per_page=per_page)

        return await context.loaders.page(ORGANIZATION_PAGE, (number, per_page), ask)

    look_further = request.unproven in selected_below(info, "pageInfo")
    listed = NumberedList(
        UpstreamName.LOGISTICS, ORGANIZATIONS, read_page, lambda one: one.organization_id, account.page_caps
    )
    connection = await listed.page(request, place, look_further=look_further)
    # As for tasks and deliveries: later fields of the operation need no call for these.
    found = {record.organization_id: record for record in read_ones(connection.nodes)}
    context.loaders.of(ORGANIZATION).prime(found)
    return connection


def roles(organization: Parent[Organization], info: OperationInfo) -> Awaitable[list[Role] | None]:
    """Return the roles that users of an organization can have."""
    info.context.account.require_read(UpstreamName.LOGISTICS)
    return info.context.loaders.of(ROLES).load(organization.organization_id)


async def create_organization(context: Context, business_name: str, key: IdempotencyKey | None = None) -> Organization:
    """Create an organization and return it.

    Args:
        context: The operation's context.
        business_name: Its name.
        key: Creates it once for all requests with this key.

    Raises:
        UpstreamError: It was not created, or the outcome is unknown.
    """
    context.account.require_write(UpstreamName.LOGISTICS)

    async def send() -> Made[Organization]:
        async with context.changing(ORGANIZATION) as changed:
            created = await context.account.logistics.create_organization(context.scope, business_name)
            changed.add(created.organization_id)
        return Made((created.organization_id,), () if isinstance(created, OrganizationReference) else (created,))

    async def find(window: Window) -> Made[Organization] | Looked:
        return await find_organization(context, business_name, window)

    async with context.once(key, ("createOrganization", business_name)) as run:
        made = await run.part(0, Request(UpstreamName.LOGISTICS, "the organization", send, find))
    if not made.records:
        organizations = context.loaders.of(ORGANIZATION)
        return await read_after_change(context, ORGANIZATION, "organization", organizations, made.ids[0])
    return made.records[0]


async def invite(context: Context, invitation: Invitation, key: IdempotencyKey | None = None) -> str | None:
    """Invite a user to an organization, and return the upstream's message, if there is one.

    Args:
        context: The operation's context.
        invitation: The invitation.
        key: Sends it once for all requests with this key.

    Raises:
        UpstreamError: The user was not invited, or the outcome is unknown.
    """
    context.account.require_write(UpstreamName.LOGISTICS)
    # An invitation changes no record that is cached, so nothing is invalidated.
    context.never_stale()

    async def send() -> Made[None]:
        return Made(message=await context.account.logistics.invite_user(context.scope, invitation))

    async with context.once(key, ("inviteUser", invitation)) as run:
        # No document lists invitations, so there is nothing to look at.
        made = await run.part(0, Request(UpstreamName.LOGISTICS, "the invitation", send))
    return made.message
