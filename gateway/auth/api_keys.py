"""Callers who prove themselves with an API key, of which the gateway knows the SHA-256 alone."""

from collections.abc import Mapping
from hashlib import sha256
from hmac import compare_digest

from gateway.auth.callers import Caller


class ApiKeys:
    """Finds the caller of a key; process lifetime.

    Args:
        callers: Each caller by the SHA-256 of its key, in hex.
    """

    def __init__(self, callers: Mapping[str, Caller]) -> None:
        self._callers = [(bytes.fromhex(digest), caller) for digest, caller in callers.items()]

    def find(self, key: str) -> Caller | None:
        """The caller of this key, or None.

        Every known digest is compared, and each in constant time, so that the time tells nothing of any of them.
        """
        digest = sha256(key.encode()).digest()
        found = None
        for known, caller in self._callers:
            if compare_digest(known, digest):
                found = caller
        return found
