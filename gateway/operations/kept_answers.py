"""Answers that are kept: by what was asked, and by the records that they are made of."""

from collections.abc import Callable, Collection, Iterable
from typing import Final, TypeAlias

import msgspec
from cachetools import LRUCache

from gateway.http.operations import Reply

Key: TypeAlias = tuple[str, str, str | None, bytes]
"""Whose data it is and what of it may be seen, document, operation, variables."""

ENTRY_OVERHEAD: Final = 1024
"""Bytes that an answer costs beside its own."""


class KeptAnswer(msgspec.Struct, gc=False):
    """An answer's bytes; lives until the first record in it is no longer fresh, or changes.

    Args:
        reply: The answer.
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


class KeptAnswers:
    """Answers by what was asked and by what they are made of, bounded in bytes; live as long as their process.

    The least recently used go first.
    """

    def __init__(self, max_bytes: int) -> None:
        self._answers = _Evicting(max_bytes, self._unlink)
        self._made_of: dict[str, set[Key]] = {}

    def get(self, key: Key) -> KeptAnswer | None:
        """What is kept for an operation, fresh or not."""
        answer: KeptAnswer | None = self._answers.get(key)
        return answer

    def put(self, key: Key, answer: KeptAnswer) -> None:
        """Keep an answer, unless it alone is larger than all may be."""
        self._answers.pop(key, None)
        answer.size = _size(key, answer)
        if answer.size > self._answers.maxsize:
            return
        self._answers[key] = answer
        for record in answer.touched:
            self._made_of.setdefault(record, set()).add(key)

    def forget(self, records: Iterable[str] | None) -> None:
        """Forget every answer that one of the records is in; all of them where it is not known which changed."""
        if records is None:
            self._answers.clear()
            self._made_of.clear()
            return
        for record in records:
            for key in tuple(self._made_of.get(record, ())):
                self._answers.pop(key, None)

    def _unlink(self, key: Key, answer: KeptAnswer) -> None:
        for record in answer.touched:
            keys = self._made_of.get(record)
            if keys is not None:
                keys.discard(key)
                if not keys:
                    del self._made_of[record]


class _Evicting(LRUCache[Key, KeptAnswer]):
    """An LRU cache that says what left it, whatever the reason."""

    def __init__(self, max_bytes: int, left: Callable[[Key, KeptAnswer], None]) -> None:
        super().__init__(max_bytes, getsizeof=lambda answer: answer.size)
        self._left = left

    def __delitem__(self, key: Key) -> None:
        answer = self[key]
        super().__delitem__(key)
        self._left(key, answer)


def _size(key: Key, answer: KeptAnswer) -> int:
    _, document, _, variables = key
    asked = len(document) + len(variables)
    return len(answer.reply.body) + asked + ENTRY_OVERHEAD + 100 * len(answer.touched)
