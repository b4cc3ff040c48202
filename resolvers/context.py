"""What one operation has: an account, a deadline, loaders, a clock."""

from collections.abc import Callable
from datetime import UTC, datetime

from resolvers.accounts import Account
from resolvers.record_loaders import RecordLoaders
from resolvers.upstreams.call import CallScope


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


class Context:
    """What resolvers share; lives one operation, and in a subscription one event.

    Args:
        account: Whose upstream credentials the operation uses.
        scope: The operation's deadline, and where its calls are noted.
        now: The wall clock; tests bring their own.
    """

    def __init__(self, account: Account, scope: CallScope, now: Callable[[], datetime] = utc_now) -> None:
        self.account = account
        self.scope = scope
        self.now = now
        self.loaders = RecordLoaders(account, scope)

    def close(self) -> None:
        """Give up what is still on its way: nobody waits for it any more."""
        self.loaders.cancel()
