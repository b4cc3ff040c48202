"""Persisted operations: requests that name their document instead of holding it.

Two ways, of which a gateway has one. Automatic persisted queries (Apollo's protocol) let any client register a document
under its SHA-256; they save bytes and keep nobody out. Trusted documents come from a manifest that the operator made of
the clients' own code; nothing else is accepted.
"""

import re
from hashlib import sha256
from typing import Any, Final, Protocol

from gateway.http.request import GraphQLRequest
from gateway.operations.documents.persisted_manifest import Manifest
from gateway.operations.documents.persisted_store import DocumentStore
from resolvers.errors import BadInput, Forbidden, PersistedQueryNotFound

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
