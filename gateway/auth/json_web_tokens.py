"""JSON Web Tokens: their verification by PyJWT, and the callers, scopes and accounts in their claims.

A token is checked against one issuer, one audience, pinned algorithms and published keys.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import jwt
from cachetools import LRUCache
from jwt import PyJWK

from gateway.auth.callers import Caller, caller_name
from gateway.auth.key_set import KeySet
from resolvers.accounts import Account, Scope, scopes_named
from resolvers.errors import Forbidden, Unauthenticated

LEEWAY_SECONDS: Final = 5
"""How much the issuer's clock may differ from the gateway's."""

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
    """The requirements that an accepted token meets.

    Args:
        issuer: The required `iss`.
        audience: The required `aud`.
        algorithms: The accepted signature algorithms, all asymmetric.
    """

    issuer: str
    audience: str
    algorithms: tuple[str, ...]


class JsonWebTokens:
    """Verifies tokens; process lifetime.

    Args:
        keys: The issuer's public keys.
        config: The requirements that an accepted token meets.
        now: The wall clock, in seconds since 1970.
    """

    def __init__(self, keys: KeySet, config: JwtConfig, now: Callable[[], float]) -> None:
        self._keys = keys
        self._config = config
        self._now = now

    async def claims(self, token: str) -> Mapping[str, Any]:
        """Return the claims of a token after verifying it.

        Raises:
            Unauthenticated: The token is invalid, or cannot be verified now; the message holds no part of it.
        """
        try:
            # Only to choose the key: nothing in it is believed before the signature is checked.
            header = jwt.get_unverified_header(token)
            key = await self._key(header)
            claims = self._decode(token, key)
        # JSON that is nested too deeply, and times beyond the calendar, raise errors that are not PyJWT's.
        except (jwt.PyJWTError, RecursionError, OverflowError) as error:
            raise Unauthenticated(_REFUSALS.get(type(error), _NOT_VALID)) from None
        # Once more by the clock that this class was given: PyJWT reads the system's.
        if float(claims["exp"]) + LEEWAY_SECONDS <= self._now():
            raise Unauthenticated(_REFUSALS[jwt.ExpiredSignatureError])
        return claims

    async def _key(self, header: Mapping[str, Any]) -> PyJWK:
        """The key that a token's header names, among those of allowed algorithms."""
        algorithm, key_id = header.get("alg"), header.get("kid")
        # `crit` names extensions that a verifier must know (RFC 7515, 4.1.11), and none is known here.
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
            # RFC 7519 (4.1) makes them optional, and a token without `exp` would hold for ever.
            options={"require": ["exp", "iss", "aud"]},
        )


REMEMBERED_TOKENS: Final = 10_000

REMEMBERED_SECONDS: Final = 300.0
"""How long a verification is cached, which bounds the use of a withdrawn key."""

_NAMING_CLAIMS: Final = ("sub", "client_id", "azp")


class JwtCallers:
    """Finds the callers of tokens, verifying each token once in `REMEMBERED_SECONDS`; process lifetime.

    Args:
        tokens: Verifies the tokens.
        own: The gateway's own account, for tokens if no claim names an account.
        named: The tenants' accounts by name.
        account_claim: The claim that names the account; if set, no token gets the gateway's own account.
        now: The wall clock, in seconds since 1970.
    """

    def __init__(
        self,
        tokens: JsonWebTokens,
        own: Account,
        named: Mapping[str, Account],
        account_claim: str | None,
        now: Callable[[], float],
    ) -> None:
        self._tokens = tokens
        self._own = own
        self._named = named
        self._account_claim = account_claim
        self._now = now
        self._checked: LRUCache[bytes, tuple[Caller, float]] = LRUCache(REMEMBERED_TOKENS)

    async def find(self, token: str) -> Caller:
        """Return the caller of this token.

        Raises:
            Unauthenticated: The token is invalid.
            Forbidden: It is valid but names no account of this gateway.
        """
        # By its digest, so that no token stays in memory.
        digest = sha256(token.encode()).digest()
        caller, until = self._checked.get(digest, (None, 0.0))
        if caller is None or self._now() >= until:
            caller = self._caller(await self._tokens.claims(token))
            expires_at = caller.expires_at or 0.0
            self._checked[digest] = caller, min(expires_at, self._now() + REMEMBERED_SECONDS)
        return caller

    def _caller(self, claims: Mapping[str, Any]) -> Caller:
        account = self._account(claims).limited_to(scopes_in(claims))
        return Caller(_name(claims), account, expires_at=float(claims["exp"]))

    def _account(self, claims: Mapping[str, Any]) -> Account:
        if self._account_claim is None:
            return self._own
        account = self._named.get(str(claims.get(self._account_claim)))
        if account is None:
            raise Forbidden(
                "Ask the gateway's operator for an account: "
                f"the token's claim {self._account_claim!r} names no account (names are in lower case)."
            )
        return account


def scopes_in(claims: Mapping[str, Any]) -> frozenset[Scope]:
    """Return the gateway's scopes in the claim `scope`: a text of words (RFC 8693, 4.2) or a list of words."""
    claimed = claims.get("scope", "")
    words = claimed.split() if isinstance(claimed, str) else claimed
    if not isinstance(words, list):
        return frozenset()
    named = scopes_named()
    # Scopes of other services may stand there too.
    return frozenset(named[word] for word in words if isinstance(word, str) and word in named)


def _name(claims: Mapping[str, Any]) -> str:
    """The caller's name: the first naming claim that the token has, and its value."""
    claim = next((claim for claim in _NAMING_CLAIMS if claims.get(claim)), None)
    if claim is None or not isinstance(claims[claim], str):
        raise Unauthenticated(
            "Get a token that says in sub, client_id or azp whom it stands for: this one says it in none."
        )
    # With the claim's name, because a client may be named like a person.
    return caller_name(f"jwt:{claim}", claims[claim])
