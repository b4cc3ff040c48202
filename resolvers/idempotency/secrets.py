"""Names, fingerprints and seals of idempotency keys, all derived from the key itself.

The store has neither keys nor inputs in the clear::

    key, caller, place of the key  ->  secret  ->  the name that it is kept under
                                              ->  the fingerprint of an input
                                              ->  the key that encrypts outcomes
                                              ->  the mark that an SMS job bears

What is kept can be found and read by who knows the key, and by nobody else: a random key, such as a UUID, cannot be
guessed from it, nor can a phone number be tried out.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from typing import Final

import msgspec
from cryptography.fernet import Fernet

from resolvers.idempotency.store import KeyName

_NAME_CHARACTERS: Final = 32
_FINGERPRINT_BYTES: Final = 16
_MARK_BYTES: Final = 12


class IdempotencyKey(msgspec.Struct, frozen=True):
    """A key as a client gave it for one field of a mutation. Lifetime: operation.

    Args:
        text: The key.
        field: The response name of the field, if the key is that of the whole request, by its header; None for a key
            among the field's own arguments.
        name: The response name of the field, in any case.
        path: The path of the argument; empty for the header.
    """

    text: str
    field: str | None
    name: str
    path: tuple[str | int, ...] = ()


class KeySecrets:
    """What is derived from a caller's key. Lifetime: operation.

    Args:
        caller: The caller's name.
        key: The key.
    """

    def __init__(self, caller: str, key: IdempotencyKey) -> None:
        # Keys of the header belong to a field, so that each field of a request has one of its own.
        place = "argument" if key.field is None else f"header {key.field}"
        self._root = hmac.digest(key.text.encode(), f"{place}\n{caller}".encode(), "sha256")
        name = self._derived(b"name").hex()[:_NAME_CHARACTERS]
        self.name = KeyName(hashlib.sha256(caller.encode()).hexdigest()[:_NAME_CHARACTERS], name)

    @property
    def seal(self) -> Fernet:
        """Encrypts outcomes."""
        return Fernet(urlsafe_b64encode(self._derived(b"seal")))

    @property
    def mark(self) -> str:
        """A text for a record that was made under the key, which says nothing of it."""
        return urlsafe_b64encode(self._derived(b"mark")[:_MARK_BYTES]).decode()

    def fingerprint(self, change: bytes) -> bytes:
        """Return what distinguishes an input from others under the same key."""
        return hmac.digest(self._derived(b"input"), change, "sha256")[:_FINGERPRINT_BYTES]

    def _derived(self, purpose: bytes) -> bytes:
        return hmac.digest(self._root, purpose, "sha256")
