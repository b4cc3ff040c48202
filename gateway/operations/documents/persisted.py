"""Persisted operations: requests that name their document instead of holding it.

A gateway has one of two ways. Automatic persisted queries (Apollo's protocol) let any client register a document under
its SHA-256: they save bytes, and keep nobody out. Trusted documents come from a manifest of the clients' own code, in
the form that Apollo's or Relay's tools write; nothing else is accepted.

Registered documents are kept in the process and, where there is one, in Redis for all processes. `PersistedOperations`
is the step of the operation stack that puts the document into the request.
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
from redis.exceptions import RedisError
from starlette.types import Scope

from gateway.auth.callers import Caller
from gateway.operations.diagnostics import facts_of
from gateway.operations.documents.request_limits import RequestLimits
from gateway.operations.request import GraphQLRequest, Operations, Reply
from resolvers.errors import BadInput, Forbidden, PersistedQueryNotFound

APOLLO_FORMAT = "apollo-persisted-query-manifest"


@dataclass(frozen=True, slots=True)
class Manifest:
    """The trusted documents; process lifetime.

    Args:
        by_id: Their texts, by the id under which clients name them.
    """

    by_id: dict[str, str]


class ManifestProblem(ValueError):
    """The file is no manifest; the message says what is wrong with it."""


class _Operation(msgspec.Struct):
    id: str
    body: str


class _ApolloManifest(msgspec.Struct):
    version: int
    operations: list[_Operation]


def read_manifest(path: Path) -> Manifest:
    """Read a manifest: Apollo's with its `format`, or Relay's map of ids to documents.

    Raises:
        ManifestProblem: it cannot be read, is neither, or names no document.
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
    """Keeps the documents that were used last in the process; process lifetime."""

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
    """Keeps documents in Redis, with a copy in the process; process lifetime.

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


NOT_FOUND: Final = "PersistedQueryNotFound"
"""The message that Apollo's clients wait for, to send the whole document next."""

PERSISTED_QUERY: Final = "persistedQuery"
"""The key of a request's extensions."""

SHA256_PREFIX: Final = "sha256:"
"""Begins a `documentId` that is a document's hash (GraphQL over HTTP, persisted documents)."""

_is_hash: Final = re.compile(r"[0-9a-f]{64}").fullmatch


class Persisted(Protocol):
    """Finds the document that a request means; process lifetime."""

    def is_plain(self, request: GraphQLRequest) -> bool:
        """Whether the request holds its document, and may."""
        ...

    async def text(self, request: GraphQLRequest) -> str:
        """The document's text.

        Raises:
            BadInput: the request names it wrongly.
            PersistedQueryNotFound: it is not known.
            Forbidden: it is not one of those that are accepted.
        """
        ...


class AutomaticDocuments:
    """Takes documents by their hash once some client has sent them; process lifetime.

    Args:
        store: Where they are kept.
    """

    def __init__(self, store: DocumentStore) -> None:
        self._store = store

    def is_plain(self, request: GraphQLRequest) -> bool:
        """Whether the request holds its document and wants it to be run alone."""
        return request.query is not None and (request.extensions is None or PERSISTED_QUERY not in request.extensions)

    async def text(self, request: GraphQLRequest) -> str:
        """The text in the request, or the one that its hash names."""
        digest = _digest(request)
        if digest is None:
            return _given(request)
        if request.query is None:
            return await self._found(digest)
        if sha256(request.query.encode()).hexdigest() != digest:
            raise BadInput("provided sha does not match query: `sha256Hash` is not the SHA-256 of `query`.")
        await self._store.put(digest, request.query)
        return request.query

    async def _found(self, digest: str) -> str:
        text = await self._store.get(digest)
        if text is None:
            raise PersistedQueryNotFound(NOT_FOUND)
        return text


class TrustedDocuments:
    """Takes the documents of a manifest alone, by their id or their text; process lifetime.

    Args:
        manifest: All of them.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._by_id = {name.removeprefix(SHA256_PREFIX): text for name, text in manifest.by_id.items()}
        self._texts = frozenset(manifest.by_id.values())

    def is_plain(self, request: GraphQLRequest) -> bool:
        """Whether the request holds a document of the manifest."""
        return request.query in self._texts

    async def text(self, request: GraphQLRequest) -> str:
        """The document of the manifest that the request means."""
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
    """The hash that a request names its document by; None where it names none.

    Raises:
        BadInput: it is no hash, or goes by another version of the protocol.
    """
    named = (request.extensions or {}).get(PERSISTED_QUERY)
    if named is None:
        return _hash(request.document_id.removeprefix(SHA256_PREFIX)) if request.document_id else None
    if not isinstance(named, dict) or named.get("version") != 1:
        raise BadInput("`extensions.persistedQuery` must be {version: 1, sha256Hash: ...}.")
    return _hash(named.get("sha256Hash"))


def _hash(given: Any) -> str:  # noqa: ANN401 - whatever the client sent
    if isinstance(given, str) and _is_hash(given.lower()):
        return given.lower()
    raise BadInput("A document's hash must be its SHA-256 as 64 hex digits.")


def _given(request: GraphQLRequest) -> str:
    if request.query is None:
        raise BadInput("The parameter `query` is missing; it holds the GraphQL document.")
    return request.query


class PersistedOperations:
    """Runs operations whose documents are in the request or persisted; process lifetime.

    Args:
        operations: Runs them once their document is there.
        persisted: Finds the document.
        limits: How large a request may be.
    """

    def __init__(self, operations: Operations[Caller], persisted: Persisted, limits: RequestLimits) -> None:
        self._operations = operations
        self._persisted = persisted
        self._limits = limits

    def run(self, request: GraphQLRequest, scope: Scope, caller: Caller) -> Coroutine[Any, Any, Reply]:
        """Run one operation.

        Raises:
            GatewayError: nothing was executed, and why.
        """
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
    """The request with its document in `query`.

    Raises:
        BadInput: it names its document wrongly.
        PersistedQueryNotFound: the document is not known.
        Forbidden: it is not one of those that are accepted.
    """
    if persisted.is_plain(request):
        return request
    return msgspec.structs.replace(request, query=await persisted.text(request))
