"""Who sent a request, and which upstream account it is served with."""

from dataclasses import dataclass

from starlette.types import Scope

from resolvers.accounts import Account


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks; lives as long as its request.

    Args:
        name: For logs and limits; never a secret.
        account: Whose upstream credentials its operations use.
    """

    name: str
    account: Account


class Anonymous:
    """Lets everyone in, with the gateway's own account; lives as long as its process."""

    def __init__(self, account: Account) -> None:
        self._caller = Caller("anonymous", account)

    async def __call__(self, scope: Scope) -> Caller:
        """The one caller that there is."""
        del scope
        return self._caller
