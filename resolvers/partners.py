"""The partner account behind the gateway."""

from resolvers.context import Context
from resolvers.permissions import Scope
from resolvers.upstreams.logistics.account_records import Partner


async def partner(context: Context) -> Partner:
    """The partner account, without its secret key."""
    context.account.require(Scope.LOGISTICS_READ)

    async def ask() -> Partner:
        return await context.account.logistics.partner(context.scope)

    found: Partner = await context.loaders.once(("partner",), ask)
    return found
