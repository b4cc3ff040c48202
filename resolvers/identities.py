"""Identities: the names of sets of credentials, by which caches, limits and events are kept apart.

::

    own#5d1f0c6a90be2f47                     the gateway's own account
    account:acme#0a7c...                     a tenant's
    own#5d1f... session:9f3e...              the gateway's own account, with a person's logistics account

What follows `#` is the fingerprint of the credentials. An account whose credentials change gets another identity, here
and in every process, so that nothing that was read with the old ones is answered to those who have the new ones.
"""

import hashlib
import re
from typing import Final

# Each guess at a password then takes milliseconds: identities are in the keys of Redis, and its readers may guess.
_SCRYPT_COST: Final = 2**12
_SCRYPT_BLOCK: Final = 8
_FINGERPRINT_BYTES: Final = 8
_FINGERPRINT: Final = re.compile(rf"#[0-9a-f]{{{2 * _FINGERPRINT_BYTES}}}")


def identity_of(name: str, credentials: bytes) -> str:
    """Return the identity of an account.

    Args:
        name: The account's name, which stays when its credentials change.
        credentials: All that the upstreams know it by.
    """
    digest = hashlib.scrypt(
        credentials, salt=name.encode(), n=_SCRYPT_COST, r=_SCRYPT_BLOCK, p=1, dklen=_FINGERPRINT_BYTES
    )
    return f"{name}#{digest.hex()}"


def account_name(identity: str) -> str:
    """Return the part of an identity that stays when credentials change."""
    return _FINGERPRINT.sub("", identity)


def fingerprint(identity: str) -> str:
    """Return the part of an identity that changes with credentials; empty where it has none."""
    return "".join(_FINGERPRINT.findall(identity))
