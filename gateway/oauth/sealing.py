"""Authenticated encryption of stored tokens and of cookies, with keys that can be rotated.

Theory of operation
-------------------
Each secret key in the settings is stretched by HKDF into a Fernet key of its own for each purpose, so that data sealed
for one purpose cannot be opened for another. The first key seals; every key opens. To rotate, the operator puts a new
key in front: session tokens sealed by an older key are sealed again when next read (`is_current`), and once all
sessions have been read or have expired, the old key can be removed.
"""

from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class Unsealable(Exception):
    """The data was not sealed by any of the keys, or too long ago."""


class Seal:
    """Seals with the first key and opens with any; process lifetime.

    Args:
        secret_keys: The operator's keys, the current one first.
        purpose: Names the kind of data; data of one purpose cannot be opened for another.
        now: The wall clock, in seconds since 1970.
    """

    def __init__(self, secret_keys: Sequence[str], purpose: str, now: Callable[[], float]) -> None:
        keys = [Fernet(_derived(key, purpose)) for key in secret_keys]
        self._first = keys[0]
        self._all = MultiFernet(keys)
        self._now = now

    def close(self, content: bytes) -> bytes:
        """Encrypt the content."""
        # At the time of the given clock, which `open` compares ages with.
        return self._first.encrypt_at_time(content, int(self._now()))

    def open(self, sealed: bytes, *, seconds: int | None = None) -> bytes:
        """Decrypt sealed content.

        Args:
            sealed: The sealed data, from an untrusted source.
            seconds: Greatest age; None accepts any age.

        Raises:
            Unsealable: The data is not ours, or too old.
        """
        try:
            if seconds is None:
                return self._all.decrypt(sealed)
            return self._all.decrypt_at_time(sealed, seconds, int(self._now()))
        except InvalidToken:
            raise Unsealable from None

    def is_current(self, sealed: bytes) -> bool:
        """Whether the first key has sealed the data, so that it can be opened after the older keys are removed."""
        try:
            self._first.decrypt(sealed)
        except InvalidToken:
            return False
        return True


def _derived(secret_key: str, purpose: str) -> bytes:
    """Derive a Fernet key from the operator's text (HKDF, RFC 5869)."""
    # Without a salt, because each process and each start has to derive the same key.
    derivation = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"gateway {purpose}".encode())
    return urlsafe_b64encode(derivation.derive(secret_key.encode()))
