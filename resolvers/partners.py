"""The partner account behind the gateway."""

from resolvers.context import Context
from resolvers.permissions import Scope
from resolvers.upstreams.logistics.account_records import Partner


async def partner(context: Context) -> Partner | None:
    """The partner account, without its secret key."""
    context.account.require(Scope.LOGISTICS_READ)
    return await context.loaders.partners.load("")
