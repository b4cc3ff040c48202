"""Persisted documents: requests that name their document instead of holding it.

A gateway has one of two modes. Automatic persisted queries (Apollo's protocol) let any client register a document under
its SHA-256: they save bytes, and restrict nobody. Trusted documents come from a manifest of the clients' code, as
Apollo's or Relay's tools write it; no other document is accepted.

Registered documents are kept in the process and, with Redis, for all processes. `PersistedOperations` is the step of
the operation stack that puts the document into the request.
"""

import logging
import re
from collections.abc import Coroutine
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
from cachetools import LRUCache
from redis.asyncio import Redis
from starlette.types import Scope

from gateway.auth.callers import Caller
from gateway.operations.diagnostics import facts_of
from gateway.operations.documents.request_limits import RequestLimits
from gateway.operations.request import GraphQLRequest, Operations, Reply
from resolvers.errors import BadInput, Forbidden, PersistedQueryNotFound
from resolvers.redis_failures import FAILURES
from resolvers.redis_times import RedisTimes

APOLLO_FORMAT = "apollo-persisted-query-manifest"


@dataclass(frozen=True, slots=True)
class Manifest:
    """The trusted documents; process lifetime.

    Args:
        by_id: Their texts, by the ids that clients send.
    """

    by_id: dict[str, str]


class ManifestProblem(ValueError):
    """The file is not a valid manifest; the message says why."""


class _Operation(msgspec.Struct):
    id: str
    body: str


class _ApolloManifest(msgspec.Struct):
    version: int
    operations: list[_Operation]


def read_manifest(path: Path) -> Manifest:
    """Read a manifest: Apollo's, which has a `format`, or Relay's map of ids to documents.

    Raises:
        ManifestProblem: The file cannot be read, is neither of both, or holds no document.
    """
    try:
        content: dict[str, Any] = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        by_id = _apollo(content) if "format" in content else msgspec.convert(content, dict[str, str])
    except OSError as error:
        raise ManifestProblem(f"{str(path)!r} cannot be read: {error.strerror}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ManifestProblem(
            f"{str(path)!r} is neither Apollo's manifest of persisted queries nor Relay's map of documents: {error}"
        ) from None
    if not by_id:
        raise ManifestProblem(f"{str(path)!r} holds no operation, so that none could be run")
    return Manifest(by_id)


def _apollo(content: dict[str, Any]) -> dict[str, str]:
    if content["format"] != APOLLO_FORMAT or content.get("version") != 1:
        raise msgspec.ValidationError(f"its format must be {APOLLO_FORMAT!r} of version 1")
    manifest = msgspec.convert(content, _ApolloManifest)
    return {operation.id: operation.body for operation in manifest.operations}


MAX_CHARACTERS: Final = 8 * 1024 * 1024
"""Characters of all registered documents in the process."""

MAX_DOCUMENT: Final = 256 * 1024
"""Characters of one document; a longer one is executed and not kept."""

KEPT_SECONDS: Final = 30 * 86_400
"""Seconds in Redis since a document was last registered; clients register it again when it has expired."""

_LOG: Final = logging.getLogger(__name__)


class DocumentStore(Protocol):
    """Keeps documents by their SHA-256; process lifetime, bounded."""

    async def get(self, digest: str) -> str | None:
        """Return the document; None where it is not kept."""
        ...

    async def put(self, digest: str, text: str) -> None:
        """Keep a document."""
        ...


class LocalDocuments:
    """Keeps the most recently used documents in the process; process lifetime."""

    def __init__(self, max_characters: int = MAX_CHARACTERS) -> None:
        self._kept: LRUCache[str, str] = LRUCache(max_characters, getsizeof=len)

    async def get(self, digest: str) -> str | None:
        """Return the document; None where it is not kept."""
        return self._kept.get(digest)

    async def put(self, digest: str, text: str) -> None:
        """Keep a document, unless it is above the limits."""
        # One document must not push out all others.
        if len(text) <= min(MAX_DOCUMENT, int(self._kept.maxsize)):
            self._kept[digest] = text


class SharedDocuments:
    """Keeps documents in Redis, with a copy in the process; process lifetime.

    While Redis fails, only the process's own documents are found; clients then send theirs again.

    Args:
        redis: A client with timeouts short enough for a request to wait.
        prefix: The beginning of every key.
        times: Measures commands; None measures them for nobody.
    """

    def __init__(self, redis: Redis, prefix: str, times: RedisTimes | None = None) -> None:
        self._redis = redis
        self._times = times or RedisTimes()
        self._prefix = f"{prefix}document:"
        self._local = LocalDocuments()

    async def get(self, digest: str) -> str | None:
        """Return the document; None where it is not kept."""
        text = await self._local.get(digest)
        if text is None:
            text = await self._read(digest)
            if text is not None:
                # Documents never change under their hash, so that the copy needs no invalidation.
                await self._local.put(digest, text)
        return text

    async def put(self, digest: str, text: str) -> None:
        """Keep a document, unless the process has it, since it is in Redis then."""
        if len(text) > MAX_DOCUMENT or await self._local.get(digest) is not None:
            return
        await self._local.put(digest, text)
        try:
            with self._times.measure("document"):
                await self._redis.set(self._prefix + digest, text, ex=KEPT_SECONDS)
        except FAILURES as error:
            # The request has its document and goes on.
            _LOG.warning("Redis failed (%s): a persisted operation is known to this process alone.", error)

    async def _read(self, digest: str) -> str | None:
        try:
            with self._times.measure("document"):
                kept = await self._redis.get(self._prefix + digest)
        except FAILURES as error:
            _LOG.warning("Redis failed (%s): persisted operations of other processes are not found.", error)
            return None
        return kept.decode() if isinstance(kept, bytes) else kept


NOT_FOUND: Final = "PersistedQueryNotFound"
"""The message by which Apollo's clients know to send the whole document."""

PERSISTED_QUERY: Final = "persistedQuery"
"""The key of a request's extensions."""

SHA256_PREFIX: Final = "sha256:"
"""The beginning of a `documentId` that is a document's hash (GraphQL over HTTP, persisted documents)."""

_is_hash: Final = re.compile(r"[0-9a-f]{64}").fullmatch


class Persisted(Protocol):
    """Finds the documents that requests name; process lifetime."""

    def is_plain(self, request: GraphQLRequest) -> bool:
        """Return whether the request holds an accepted document, and registers none."""
        ...

    async def text(self, request: GraphQLRequest) -> str:
        """Return the document's text.

        Raises:
            BadInput: The request names its document in an invalid form.
            PersistedQueryNotFound: The document is unknown.
            Forbidden: The document is not a trusted one.
        """
        ...


class AutomaticDocuments:
    """Automatic persisted queries: documents by their hash, once a client has registered them; process lifetime.

    Args:
        store: Keeps the documents.
    """

    def __init__(self, store: DocumentStore) -> None:
        self._store = store

    def is_plain(self, request: GraphQLRequest) -> bool:
        """Return whether the request holds its document and does not register it."""
        return request.query is not None and (request.extensions is None or PERSISTED_QUERY not in request.extensions)

    async def text(self, request: GraphQLRequest) -> str:
        """Return the text in the request, registered if it has a hash, or that of the hash; see `Persisted.text`."""
        digest = _digest(request)
        if digest is None:
            return _given(request)
        if request.query is None:
            return await self._found(digest)
        # Checked, because otherwise a client could register a document under the hash of another's.
        if sha256(request.query.encode()).hexdigest() != digest:
            # It begins with the words of Apollo's own server.
            raise BadInput("provided sha does not match query: `sha256Hash` is not the SHA-256 of `query`.")
        await self._store.put(digest, request.query)
        return request.query

    async def _found(self, digest: str) -> str:
        text = await self._store.get(digest)
        if text is None:
            raise PersistedQueryNotFound(NOT_FOUND)
        return text


class TrustedDocuments:
    """Accepts only the documents of a manifest, by id or text; process lifetime.

    Args:
        manifest: The trusted documents.
    """

    def __init__(self, manifest: Manifest) -> None:
        # Clients may send a hash with or without its prefix.
        self._by_id = {name.removeprefix(SHA256_PREFIX): text for name, text in manifest.by_id.items()}
        self._texts = frozenset(manifest.by_id.values())

    def is_plain(self, request: GraphQLRequest) -> bool:
        """Return whether the request holds a document of the manifest."""
        return request.query in self._texts

    async def text(self, request: GraphQLRequest) -> str:
        """Return the document of the manifest that the request holds or names; see `Persisted.text`."""
        if request.query is not None:
            if request.query not in self._texts:
                raise Forbidden("This gateway runs the operations of its manifest alone, and this is none of them.")
            return request.query
        name = request.document_id or _digest(request) or ""
        text = self._by_id.get(name.removeprefix(SHA256_PREFIX))
        if text is None:
            raise PersistedQueryNotFound(NOT_FOUND)
        return text


def _digest(request: GraphQLRequest) -> str | None:
    """Return the hash that names a request's document; None where there is none.

    Raises:
        BadInput: It is not a SHA-256, or the version of the protocol is unknown.
    """
    named = (request.extensions or {}).get(PERSISTED_QUERY)
    if named is None:
        return _hash(request.document_id.removeprefix(SHA256_PREFIX)) if request.document_id else None
    if not isinstance(named, dict) or named.get("version") != 1:
        raise BadInput("`extensions.persistedQuery` must be {version: 1, sha256Hash: ...}.")
    return _hash(named.get("sha256Hash"))


def _hash(given: Any) -> str:  # noqa: ANN401 - any JSON value
    # Hex digits of either case name the same document.
    if isinstance(given, str) and _is_hash(given.lower()):
        return given.lower()
    raise BadInput("A document's hash must be its SHA-256 as 64 hex digits.")


def _given(request: GraphQLRequest) -> str:
    if request.query is None:
        raise BadInput("The parameter `query` is missing; it holds the GraphQL document.")
    return request.query


class PersistedOperations:
    """The step of the operation stack that checks sizes and finds persisted documents; process lifetime.

    Args:
        operations: The next step.
        persisted: Finds documents.
        limits: Bounds the size of requests.
    """

    def __init__(self, operations: Operations[Caller], persisted: Persisted, limits: RequestLimits) -> None:
        self._operations = operations
        self._persisted = persisted
        self._limits = limits

    def run(self, request: GraphQLRequest, scope: Scope, caller: Caller) -> Coroutine[Any, Any, Reply]:
        """Run one operation with its document in the request.

        Raises:
            RequestTooLarge: A size of the request is above its limit.
            BadInput: The request names its document in an invalid form.
            PersistedQueryNotFound: The document is unknown.
            Forbidden: The document is not a trusted one.
            GatewayError: The operation was not executed.
        """
        # No coroutine of its own for a plain request, which saves a frame in each step of the event loop.
        self._limits.check(request)
        if self._persisted.is_plain(request):
            return self._operations.run(request, scope, caller)
        return self._run_persisted(request, scope, caller)

    async def _run_persisted(self, request: GraphQLRequest, scope: Scope, caller: Caller) -> Reply:
        request = await with_document(self._persisted, request)
        facts = facts_of(scope)
        if facts is not None:
            facts.query = request.query
        return await self._operations.run(request, scope, caller)


async def with_document(persisted: Persisted, request: GraphQLRequest) -> GraphQLRequest:
    """Return the request with its document in `query`; raises as `Persisted.text` does."""
    if persisted.is_plain(request):
        return request
    return msgspec.structs.replace(request, query=await persisted.text(request))
