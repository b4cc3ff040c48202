"""Where automatic persisted queries are kept: in the process, and in Redis for all processes."""

import logging
from typing import Final, Protocol

from cachetools import LRUCache
from redis.asyncio import Redis
from redis.exceptions import RedisError

MAX_CHARACTERS: Final = 8 * 1024 * 1024
"""Of all documents in the process."""

MAX_DOCUMENT: Final = 256 * 1024
"""Characters of one document; a longer one is run and not kept."""

KEPT_SECONDS: Final = 30 * 86_400
"""In Redis, since a document was last registered; its clients register it again when it is gone."""

_LOG: Final = logging.getLogger(__name__)


class DocumentStore(Protocol):
    """Keeps documents by their hash; process lifetime, bounded."""

    async def get(self, digest: str) -> str | None:
        """The document; None where it is not kept, or not any more."""
        ...

    async def put(self, digest: str, text: str) -> None:
        """Keep a document."""
        ...


class LocalDocuments:
    """Keeps documents in the process, those that were used last; lives as long as it."""

    def __init__(self, max_characters: int = MAX_CHARACTERS) -> None:
        self._kept: LRUCache[str, str] = LRUCache(max_characters, getsizeof=len)

    async def get(self, digest: str) -> str | None:
        """The document; None where it is not kept, or not any more."""
        return self._kept.get(digest)

    async def put(self, digest: str, text: str) -> None:
        """Keep a document, if it is not larger than all are together or than one may be."""
        if len(text) <= min(MAX_DOCUMENT, int(self._kept.maxsize)):
            self._kept[digest] = text


class SharedDocuments:
    """Keeps documents in Redis, with a copy in the process; lives as long as it.

    Where Redis fails, what the process has must do: a client sends the document again, and all is well.

    Args:
        redis: With timeouts that a request can bear.
        prefix: What every key begins with.
    """

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._prefix = f"{prefix}document:"
        self._local = LocalDocuments()

    async def get(self, digest: str) -> str | None:
        """The document; None where it is not kept, or not any more."""
        text = await self._local.get(digest)
        if text is None:
            text = await self._read(digest)
            if text is not None:
                await self._local.put(digest, text)
        return text

    async def put(self, digest: str, text: str) -> None:
        """Keep a document; one that the process has is in Redis already."""
        if len(text) > MAX_DOCUMENT or await self._local.get(digest) is not None:
            return
        await self._local.put(digest, text)
        try:
            await self._redis.set(self._prefix + digest, text, ex=KEPT_SECONDS)
        except (RedisError, OSError, TimeoutError) as error:
            _LOG.warning("Redis failed (%s): a persisted operation is known to this process alone.", error)

    async def _read(self, digest: str) -> str | None:
        try:
            kept = await self._redis.get(self._prefix + digest)
        except (RedisError, OSError, TimeoutError) as error:
            _LOG.warning("Redis failed (%s): persisted operations of other processes are not found.", error)
            return None
        return kept.decode() if isinstance(kept, bytes) else kept
