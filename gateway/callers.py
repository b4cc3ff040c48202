"""Who sent a request, and which upstream account it is served with."""

from dataclasses import dataclass
from typing import Final

from resolvers.accounts import Account
from resolvers.permissions import Scope

ANONYMOUS: Final = "anonymous"
"""The name of all callers without credentials."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks; lives as long as its request or its connection.

    Args:
        name: For logs and limits, different for every caller; never a secret.
        account: Whose upstream credentials its operations use, limited to what the caller may do.
        expires_at: When its credentials run out, in seconds since 1970; None for those that do not.
    """

    name: str
    account: Account
    expires_at: float | None = None

    @property
    def scopes(self) -> frozenset[Scope]:
        """What the caller may do."""
        return self.account.scopes
