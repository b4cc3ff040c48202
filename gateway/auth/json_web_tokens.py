"""JSON Web Tokens: checked by PyJWT against one issuer, one audience, pinned algorithms and published keys."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt
from jwt import PyJWK

from gateway.auth.key_set import KeySet
from resolvers.errors import Unauthenticated

LEEWAY_SECONDS: Final = 5
"""By how much the issuer's clock may differ from ours."""

_REFUSALS: Final[Mapping[type[Exception], str]] = {
    jwt.ExpiredSignatureError: "Get a new token: this one has expired.",
    jwt.ImmatureSignatureError: "Wait a little, or set the clocks: the token is not valid yet.",
    jwt.InvalidAudienceError: "Get a token for the audience of this gateway: this one was made for another audience.",
    jwt.InvalidIssuerError: "Get a token of this gateway's issuer: this one comes from another issuer.",
    jwt.MissingRequiredClaimError: "Get a token with exp, iss and aud: this one lacks one of the claims.",
}
_NOT_VALID: Final = (
    "Send the token as its issuer gave it: it is not valid, for it is malformed or not signed by a key of that issuer."
)


@dataclass(frozen=True, slots=True)
class JwtConfig:
    """Which tokens count.

    Args:
        issuer: The `iss` that a token must have.
        audience: The `aud` that a token must have.
        algorithms: The only ones that it may be signed with; asymmetric ones alone.
    """

    issuer: str
    audience: str
    algorithms: tuple[str, ...]


class JsonWebTokens:
    """Checks tokens; process lifetime.

    Args:
        keys: The issuer's.
        config: Which tokens count.
        now: The wall clock, in seconds since 1970.
    """

    def __init__(self, keys: KeySet, config: JwtConfig, now: Callable[[], float]) -> None:
        self._keys = keys
        self._config = config
        self._now = now

    async def claims(self, token: str) -> Mapping[str, Any]:
        """What a token says that is all that it must be.

        Raises:
            Unauthenticated: it is not, or it cannot be checked; the message holds nothing of the token.
        """
        try:
            header = jwt.get_unverified_header(token)
            key = await self._key(header)
            claims = self._decode(token, key)
        except (jwt.PyJWTError, RecursionError, OverflowError) as error:
            raise Unauthenticated(_REFUSALS.get(type(error), _NOT_VALID)) from None
        if float(claims["exp"]) + LEEWAY_SECONDS <= self._now():
            raise Unauthenticated(_REFUSALS[jwt.ExpiredSignatureError])
        return claims

    async def _key(self, header: Mapping[str, Any]) -> PyJWK:
        """The key is chosen by the algorithms that we allow, never by what the token would like to be checked with."""
        algorithm, key_id = header.get("alg"), header.get("kid")
        if algorithm not in self._config.algorithms or not isinstance(key_id, str | None) or "crit" in header:
            raise Unauthenticated(_NOT_VALID)
        key = await self._keys.key(key_id, algorithm)
        if key is None:
            raise Unauthenticated(_NOT_VALID)
        return key

    def _decode(self, token: str, key: PyJWK) -> dict[str, Any]:
        return jwt.decode(
            token,
            key,
            algorithms=list(self._config.algorithms),
            audience=self._config.audience,
            issuer=self._config.issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud"]},
        )
