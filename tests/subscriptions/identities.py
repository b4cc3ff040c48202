"""Who a test's clients are: whoever their token says."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.types import Scope

from gateway.auth.callers import Caller
from resolvers.accounts import Account
from resolvers.errors import Unauthenticated, UpstreamUnavailable
from resolvers.upstreams.names import UpstreamName


@dataclass(eq=False)
class Identities:
    """Knows callers by `<name>` or `<name> <seconds to live>`, and nobody named mallory; lives as long as a test."""

    now: float = 1000.0
    account: Account = field(default_factory=lambda: Account("own"))

    async def request(self, scope: Scope) -> Caller:
        return self._caller(dict(scope["headers"]).get(b"authorization", b"anonymous").decode())

    async def connection(self, scope: Scope, payload: Mapping[str, object] | None) -> Caller:
        token = (payload or {}).get("authorization")
        return await self.request(scope) if token is None else self._caller(str(token))

    def _caller(self, token: str) -> Caller:
        name, _, seconds = token.removeprefix("Bearer ").partition(" ")
        if name == "mallory":
            raise Unauthenticated("This token is not known.")
        if name == "patience":
            raise UpstreamUnavailable(UpstreamName.SMS, "The keys cannot be read just now.")
        return Caller(name, self.account, self.now + float(seconds) if seconds else None)
