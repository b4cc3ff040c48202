"""The partner account behind the gateway."""

from collections.abc import Awaitable

from resolvers.context import Context
from resolvers.permissions import Scope
from resolvers.upstreams.logistics.account_records import Partner


def partner(context: Context) -> Awaitable[Partner | None]:
    """The partner account, without its secret key."""
    context.account.require(Scope.LOGISTICS_READ)
    return context.loaders.partners.load("")
