"""Organizations of a platform partner, their roles, and inviting users to them."""

from collections.abc import Awaitable
from typing import Final

from strawberry import Parent

from resolvers.connections import Connection, check_first, place_behind
from resolvers.context import Context
from resolvers.kinds.logistics import ORGANIZATION, ORGANIZATION_PAGE, ROLES
from resolvers.numbered_pages import NumberedList
from resolvers.rereading import read_after_change
from resolvers.selection import OperationInfo, selected_below
from resolvers.unreadable import read_ones
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.logistics.account_records import Organization, OrganizationReference, Role
from resolvers.upstreams.logistics.answers import ListPage
from resolvers.upstreams.logistics.requests import Invitation
from resolvers.upstreams.names import UpstreamName

LIST: Final = "organizations"


def organization(context: Context, organization_id: str) -> Awaitable[Organization | None]:
    """One organization; None where there is none."""
    context.account.require_read(UpstreamName.LOGISTICS)
    return context.loaders.of(ORGANIZATION).load(organization_id)


async def organizations(info: OperationInfo, *, first: int, after: str | None) -> Connection[Organization]:
    """A page of organizations, in at most two calls wherever it starts, unless the upstream serves smaller pages.

    Raises:
        BadInput: `first` or `after` is none.
    """
    context = info.context
    context.account.require_read(UpstreamName.LOGISTICS)
    size, (start, trail) = check_first(first), place_behind(LIST, after)

    account = context.account

    async def read_page(number: int, per_page: int) -> ListPage[Organization]:
        async def ask(scope: CallScope) -> ListPage[Organization]:
            return await account.logistics.organizations(scope, page=number, per_page=per_page)

        return await context.loaders.page(ORGANIZATION_PAGE, (number, per_page), ask)

    look_further = "hasNextPage" in selected_below(info, "pageInfo")
    listed = NumberedList(UpstreamName.LOGISTICS, LIST, read_page, lambda one: one.organization_id, account.page_caps)
    connection = await listed.window(start, size, trail, look_further=look_further)
    found = {record.organization_id: record for record in read_ones(connection.nodes)}
    context.loaders.of(ORGANIZATION).prime(found)
    return connection


def roles(organization: Parent[Organization], info: OperationInfo) -> Awaitable[list[Role] | None]:
    """The roles that a user of an organization can have."""
    info.context.account.require_read(UpstreamName.LOGISTICS)
    return info.context.loaders.of(ROLES).load(organization.organization_id)


async def create(context: Context, business_name: str) -> Organization:
    """Create an organization.

    Raises:
        UpstreamError: it was not done, or nobody knows whether it was.
    """
    context.account.require_write(UpstreamName.LOGISTICS)
    async with context.changing(ORGANIZATION) as changed:
        created = await context.account.logistics.create_organization(context.scope, business_name)
        changed.add(created.organization_id)
    if isinstance(created, OrganizationReference):
        organizations, own_id = context.loaders.of(ORGANIZATION), created.organization_id
        return await read_after_change(context, ORGANIZATION, "organization", organizations, own_id)
    return created


async def invite(context: Context, invitation: Invitation) -> str | None:
    """Invite a user to an organization; what the upstream says to it, if it says anything.

    Raises:
        UpstreamError: it was not done, or nobody knows whether it was.
    """
    context.account.require_write(UpstreamName.LOGISTICS)
    context.never_stale()
    return await context.account.logistics.invite_user(context.scope, invitation)
