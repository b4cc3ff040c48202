"""Encrypts what is kept and what a browser carries, with keys that can be changed while sessions live on."""

from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class Unsealable(Exception):
    """It was not sealed by any of our keys, or too long ago."""


class Seal:
    """Seals with the first key and opens with all; process lifetime.

    Args:
        secret_keys: The operator's, the current one first.
        purpose: What is sealed; what one purpose has sealed cannot be opened for another.
        now: The wall clock, in seconds since 1970.
    """

    def __init__(self, secret_keys: Sequence[str], purpose: str, now: Callable[[], float]) -> None:
        keys = [Fernet(_derived(key, purpose)) for key in secret_keys]
        self._first = keys[0]
        self._all = MultiFernet(keys)
        self._now = now

    def close(self, content: bytes) -> bytes:
        """Seal something."""
        return self._first.encrypt_at_time(content, int(self._now()))

    def open(self, sealed: bytes, *, seconds: int | None = None) -> bytes:
        """What was sealed.

        Args:
            sealed: Whatever came back.
            seconds: How long ago it may have been sealed; None for any time.

        Raises:
            Unsealable: it is not ours, or too old.
        """
        try:
            if seconds is None:
                return self._all.decrypt(sealed)
            return self._all.decrypt_at_time(sealed, seconds, int(self._now()))
        except InvalidToken:
            raise Unsealable from None

    def is_current(self, sealed: bytes) -> bool:
        """Whether the first key has sealed it, so that it outlives the others."""
        try:
            self._first.decrypt(sealed)
        except InvalidToken:
            return False
        return True


def _derived(secret_key: str, purpose: str) -> bytes:
    """A key of the length that Fernet wants, from whatever text the operator has set (RFC 5869)."""
    derivation = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"gateway {purpose}".encode())
    return urlsafe_b64encode(derivation.derive(secret_key.encode()))
