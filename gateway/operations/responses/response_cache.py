"""The cache of whole responses: by what was asked, and by the records that they are made of."""

from collections import OrderedDict
from collections.abc import Collection, Iterable
from typing import Final, TypeAlias

import msgspec

from gateway.http.interface import Reply

Key: TypeAlias = tuple[str, str, str | None, bytes]
"""Whose data it is and what of it may be seen, document, operation, variables."""

ENTRY_OVERHEAD: Final = 1024
"""Bytes that a response costs beside its own."""


class CachedResponse(msgspec.Struct, gc=False):
    """A response's bytes; lives until the first record in it is no longer fresh, or changes.

    Args:
        reply: The response.
        fresh_until: By the cache's clock, in seconds.
        touched: The keys of what it was made of.
        etag: Of the bytes, once somebody has asked by GET.
        size: Bytes that it takes with all that belongs to it, the question too; known once it is kept.
    """

    reply: Reply
    fresh_until: float
    touched: Collection[str]
    etag: bytes | None = None
    size: int = 0


class ResponseCache:
    """Responses by what was asked and by what they are made of, bounded in bytes; process lifetime.

    The least recently used go first.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._responses: OrderedDict[Key, CachedResponse] = OrderedDict()
        self._made_of: dict[str, set[Key]] = {}

    def get(self, key: Key) -> CachedResponse | None:
        """What is kept for an operation, fresh or not."""
        response = self._responses.get(key)
        if response is not None:
            self._responses.move_to_end(key)
        return response

    def put(self, key: Key, response: CachedResponse) -> None:
        """Keep a response, unless it alone is larger than all may be."""
        self._forget(key)
        response.size = _size(key, response)
        if response.size > self._max_bytes:
            return
        self._bytes += response.size
        self._responses[key] = response
        for record in response.touched:
            self._made_of.setdefault(record, set()).add(key)
        while self._bytes > self._max_bytes:
            self._forget(next(iter(self._responses)))

    def forget(self, records: Iterable[str] | None) -> None:
        """Forget every response that one of the records is in; all of them where it is not known which changed."""
        if records is None:
            self._responses.clear()
            self._made_of.clear()
            self._bytes = 0
            return
        for record in records:
            for key in tuple(self._made_of.get(record, ())):
                self._forget(key)

    def _forget(self, key: Key) -> None:
        response = self._responses.pop(key, None)
        if response is None:
            return
        self._bytes -= response.size
        for record in response.touched:
            keys = self._made_of.get(record)
            if keys is not None:
                keys.discard(key)
                if not keys:
                    del self._made_of[record]


def _size(key: Key, response: CachedResponse) -> int:
    _, document, _, variables = key
    asked = len(document) + len(variables)
    return len(response.reply.body) + asked + ENTRY_OVERHEAD + 100 * len(response.touched)
