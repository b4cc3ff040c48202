"""Finds the organization that a request of unknown outcome created: by its name and time."""

from typing import Final

from resolvers.context import Context
from resolvers.idempotency.outcomes import Looked, Made
from resolvers.idempotency.window import Window
from resolvers.kinds.logistics import ORGANIZATION
from resolvers.unreadable import readable
from resolvers.upstreams.logistics.account_records import Organization

PAGE_SIZE: Final = 200

MAX_PAGES: Final = 5
"""Calls for one look."""


async def find_organization(context: Context, business_name: str, window: Window) -> Made[Organization] | Looked:
    """Return the organization that a request has created.

    Args:
        context: The operation's context.
        business_name: Its name.
        window: When it was made.

    Raises:
        UpstreamError: The list could not be read.
    """
    listed, is_whole = await _listed(context)
    namesakes = [one for one in listed if one.wire_business_name == business_name]
    if any(one.created_at is None for one in namesakes):
        return Looked.UNSURE
    found = [one for one in namesakes if one.created_at is not None and window.holds(one.created_at)]
    if len(found) == 1:
        (organization,) = found
        # Its absence may be cached, because who created it could not forget that.
        await context.forget(ORGANIZATION, [organization.organization_id])
        return Made((organization.organization_id,), (organization,))
    return Looked.ABSENT if not found and is_whole else Looked.UNSURE


async def _listed(context: Context) -> tuple[list[Organization], bool]:
    """Return the organizations, and whether these are all."""
    listed: list[Organization] = []
    for number in range(1, MAX_PAGES + 1):
        page = await context.account.logistics.organizations(context.scope, page=number, per_page=PAGE_SIZE)
        records = readable(page.records)
        if len(records) < len(page.records):
            return listed, False
        listed += records
        if len(records) < (page.per_page or PAGE_SIZE):
            return listed, True
    return listed, False
