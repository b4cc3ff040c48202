"""JSON Web Tokens: checked by PyJWT, and the callers, scopes and accounts that they prove.

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
from resolvers.accounts import Account
from resolvers.errors import Forbidden, Unauthenticated
from resolvers.permissions import Scope

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


REMEMBERED_TOKENS: Final = 10_000

REMEMBERED_SECONDS: Final = 300.0
"""How long a checked token is not checked again, so that a key that its issuer has withdrawn counts no longer."""

_NAMING_CLAIMS: Final = ("sub", "client_id", "azp")
_SCOPES: Final = {scope.value: scope for scope in Scope}


class JwtCallers:
    """Finds the caller of a token; process lifetime. Each token is checked once in five minutes.

    Args:
        tokens: Checks them.
        own: The gateway's own account, for tokens where no claim names one.
        named: The tenants' accounts by name.
        account_claim: The claim that names the account; with it, no token gets the gateway's own.
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
        """The caller of this token.

        Raises:
            Unauthenticated: the token is not what it must be.
            Forbidden: it is, but names no account of this gateway.
        """
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
    """The scopes of ours in the claim `scope`: words with spaces between them (RFC 8693, 4.2), or a list of words."""
    claimed = claims.get("scope", "")
    words = claimed.split() if isinstance(claimed, str) else claimed
    if not isinstance(words, list):
        return frozenset()
    return frozenset(_SCOPES[word] for word in words if isinstance(word, str) and word in _SCOPES)


def _name(claims: Mapping[str, Any]) -> str:
    """The first claim that names anybody; it stands in the name, for a client may be called what a person is."""
    claim = next((claim for claim in _NAMING_CLAIMS if claims.get(claim)), None)
    if claim is None or not isinstance(claims[claim], str):
        raise Unauthenticated(
            "Get a token that says in sub, client_id or azp whom it stands for: this one says it in none."
        )
    return caller_name(f"jwt:{claim}", claims[claim])
