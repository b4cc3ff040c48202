"""Who sent a request, and which upstream account it is served with."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from resolvers.accounts import Account
from resolvers.permissions import Scope

ANONYMOUS: Final = "anonymous"
"""The name of all callers without credentials."""

MAX_NAME_LENGTH: Final = 200
"""Characters of a name from outside that stand in a caller's name as they are; a longer one is hashed."""


def caller_name(namespace: str, name: str) -> str:
    """Return the caller's name for one that its issuer gave it: different names stay different, however long.

    Args:
        namespace: Who gave the name, and as what: names of different namespaces have nothing to do with each other.
        name: As it was given.
    """
    if len(name) <= MAX_NAME_LENGTH:
        return f"{namespace}:{name}"
    return f"{namespace}#{sha256(name.encode(errors='surrogatepass')).hexdigest()}"


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
