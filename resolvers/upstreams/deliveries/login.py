"""Logs in to the send-tasks API with an e-mail address and a password.

The vendor's tutorial shows the request; the answer's form is assumed to be that of Laravel Passport.
"""

from dataclasses import dataclass, field
from typing import Final

import msgspec

from resolvers.errors import UpstreamAuth
from resolvers.upstreams.answers import decode, require_success
from resolvers.upstreams.call import Call, CallScope, Transport
from resolvers.upstreams.encoding import request_body
from resolvers.upstreams.error_body import read_error_body
from resolvers.upstreams.fields import NonEmpty
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.transport.credentials import Token


class _Granted(msgspec.Struct, frozen=True):
    # Without the `refresh_token` that Passport may send: a login by password needs none, and fewer secrets are held.
    access_token: NonEmpty
    expires_in: float | None = None


_GRANTED: Final = msgspec.json.Decoder(_Granted)
# Plain JSON, because the login lies outside of the JSON:API (the vendor's tutorial).
_JSON: Final = (("accept", "application/json"), ("content-type", "application/json"))


@dataclass(frozen=True, slots=True)
class DeliveriesLoginConfig:
    """The address of the login, and the credentials. Lifetime: account.

    Args:
        url: Of the login itself, which lies outside of the API's base URL.
        email: Of the account.
        password: Of the account.
    """

    url: str
    email: str
    password: str = field(repr=False)


class DeliveriesLogin:
    """Fetches bearer tokens. Lifetime: account.

    Args:
        transport: Sends the calls, without credentials.
        config: The address and the credentials.
    """

    def __init__(self, transport: Transport, config: DeliveriesLoginConfig) -> None:
        self._transport = transport
        self._config = config

    async def fetch(self, scope: CallScope) -> Token:
        """Log in and return a new token.

        Raises:
            UpstreamAuth: the e-mail address or the password is wrong.
        """
        body = {"grant_type": "password", "email": self._config.email, "password": self._config.password}
        call = Call(
            UpstreamName.DELIVERIES,
            "login",
            "POST",
            self._config.url,
            scope.deadline,
            _JSON,
            request_body(body),
            turn_by=scope.turn_by,
        )
        answer = await self._transport.send(call)
        # No document shows a refused login: OAuth has 400 and 401 (RFC 6749, 5.2), a check of its body 422.
        if answer.status in {400, 401, 403, 422}:
            raise UpstreamAuth(
                UpstreamName.DELIVERIES,
                "DELIVERIES refused the gateway's e-mail address or password; check them with `gateway check`.",
            )
        require_success(call, answer, read_error_body)
        granted = decode(_GRANTED, call, answer)
        return Token(granted.access_token, _lifetime(granted.expires_in))


def _lifetime(expires_in: float | None) -> float | None:
    # Unknown if it is not positive: a token that is said to have expired before it was issued may well be good.
    return expires_in if expires_in is not None and expires_in > 0 else None
