"""The caller of a request, and the upstream account that serves it."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from resolvers.accounts import Account, Scope

ANONYMOUS: Final = "anonymous"
"""The name that all callers without credentials share."""

MAX_NAME_LENGTH: Final = 200
"""Longest name from outside, in characters, that is used as it is; others are hashed."""


def caller_name(namespace: str, name: str) -> str:
    """Return an unambiguous caller name for a name given by an issuer.

    Args:
        namespace: The issuer and the kind of the name; names of different namespaces never collide.
        name: The issuer's name.
    """
    # JSON can express lone surrogates, which UTF-8 cannot encode, and so neither Redis nor a response: `surrogatepass`
    # hashes them all the same.
    encoded = name.encode(errors="surrogatepass")
    if len(name) <= MAX_NAME_LENGTH and _is_utf8(encoded):
        return f"{namespace}:{name}"
    return f"{namespace}#{sha256(encoded).hexdigest()}"


def _is_utf8(encoded: bytes) -> bool:
    try:
        encoded.decode()
    except UnicodeDecodeError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller; lifetime of its request or connection.

    Args:
        name: Identifies the caller in logs and limits; never a secret.
        account: The upstream account that its operations use, limited to the caller's scopes.
        expires_at: When its credentials expire, in seconds since 1970; None if they do not.
    """

    name: str
    account: Account
    expires_at: float | None = None

    @property
    def scopes(self) -> frozenset[Scope]:
        """The rights to read from, or write to, each upstream."""
        return self.account.scopes
