"""The cache of whole responses: by what was asked, and by the records that they are made of."""

from collections.abc import Callable, Collection, Iterable
from typing import Final, TypeAlias

import msgspec
from cachetools import LRUCache

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
    """Responses by what was asked and by what they are made of, bounded in bytes; live as long as their process.

    The least recently used go first.
    """

    def __init__(self, max_bytes: int) -> None:
        self._responses = _Evicting(max_bytes, self._unlink)
        self._made_of: dict[str, set[Key]] = {}

    def get(self, key: Key) -> CachedResponse | None:
        """What is kept for an operation, fresh or not."""
        response: CachedResponse | None = self._responses.get(key)
        return response

    def put(self, key: Key, response: CachedResponse) -> None:
        """Keep a response, unless it alone is larger than all may be."""
        self._responses.pop(key, None)
        response.size = _size(key, response)
        if response.size > self._responses.maxsize:
            return
        self._responses[key] = response
        for record in response.touched:
            self._made_of.setdefault(record, set()).add(key)

    def forget(self, records: Iterable[str] | None) -> None:
        """Forget every response that one of the records is in; all of them where it is not known which changed."""
        if records is None:
            self._responses.clear()
            self._made_of.clear()
            return
        for record in records:
            for key in tuple(self._made_of.get(record, ())):
                self._responses.pop(key, None)

    def _unlink(self, key: Key, response: CachedResponse) -> None:
        for record in response.touched:
            keys = self._made_of.get(record)
            if keys is not None:
                keys.discard(key)
                if not keys:
                    del self._made_of[record]


class _Evicting(LRUCache[Key, CachedResponse]):
    """An LRU cache that says what left it, whatever the reason."""

    def __init__(self, max_bytes: int, left: Callable[[Key, CachedResponse], None]) -> None:
        super().__init__(max_bytes, getsizeof=lambda response: response.size)
        self._left = left

    def __delitem__(self, key: Key) -> None:
        response = self[key]
        super().__delitem__(key)
        self._left(key, response)


def _size(key: Key, response: CachedResponse) -> int:
    _, document, _, variables = key
    asked = len(document) + len(variables)
    return len(response.reply.body) + asked + ENTRY_OVERHEAD + 100 * len(response.touched)
