"""Content negotiation: the media type and content coding of a response, and the media type of a request.

By the headers Accept, Accept-Encoding and Content-Type.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

import msgspec

from gateway.http.refusals import NotAcceptable

JSON = b"application/json"
GRAPHQL_RESPONSE = b"application/graphql-response+json"
EVENT_STREAM = b"text/event-stream"
HTML = b"text/html"
MULTIPART = b"multipart/mixed;subscriptionspec=1.0"
"""Without this parameter, multipart/mixed means incremental delivery of queries, which is not offered."""

Negotiate = Callable[[bytes], bytes]
"""From the value of an Accept header to one of the offered media types."""

GZIP: Final = b"gzip"
IDENTITY: Final = b"identity"


class AcceptedCoding(msgspec.Struct, frozen=True):
    """The content coding that a client prefers.

    Attributes:
        name: Its name in Content-Encoding.
        required: Whether the client refuses a response without a coding.
    """

    name: bytes
    required: bool = False


NegotiateCoding = Callable[[bytes], AcceptedCoding | None]
"""From the value of an Accept-Encoding header to one of the offered content codings; None for a response without."""

_ACCEPT_VALUES_KEPT = 128
"""Clients in use send few different values; bounded, because any client may send others."""


def negotiator(offers: Sequence[bytes]) -> Negotiate:
    """Return a caching function that finds the offer that the client prefers.

    The function raises `NotAcceptable` if the client accepts none of the offers.

    Args:
        offers: Media types in lower case; of equally preferred ones that are named, the first wins. A client that
            accepts anything gets `application/json`, as the specification's older clients expect.
    """

    @lru_cache(_ACCEPT_VALUES_KEPT)
    def negotiate(accept: bytes) -> bytes:
        ranges = _ranges(accept)
        # By quality, then by how exactly it is named, then by the order of the offers.
        quality, _, _, preferred = max(
            (*_preference(ranges, offer), -index, offer) for index, offer in enumerate(offers)
        )
        if quality <= 0:
            names = b", ".join(offers).decode()
            raise NotAcceptable(f"None of the media types in the Accept header can be given; these can: {names}.")
        return preferred

    return negotiate


def coding_negotiator(offers: Sequence[bytes]) -> NegotiateCoding:
    """Return a caching function that finds the content coding that the client prefers (RFC 9110, 12.5.3).

    The function raises `NotAcceptable` if the client accepts none of the offers, and no response without a coding.

    Args:
        offers: Content codings in lower case; of equally preferred ones that are named, the first wins. A client that
            accepts any gets gzip, which all clients decode that decode anything.
    """

    @lru_cache(_ACCEPT_VALUES_KEPT)
    def negotiate(accept_encoding: bytes) -> AcceptedCoding | None:
        weights = _coding_weights(accept_encoding)
        any_other = weights.get(b"*", 0.0)
        quality, _, _, preferred = max(
            (weights.get(offer, any_other), offer in weights or offer == GZIP, -index, offer)
            for index, offer in enumerate(offers)
        )
        plain = weights.get(IDENTITY, 0.0)
        is_refused = plain == 0 and (IDENTITY in weights or weights.get(b"*") == 0)
        if quality > 0 and quality >= plain:
            return AcceptedCoding(preferred, required=is_refused)
        if is_refused:
            names = b", ".join(offers).decode()
            raise NotAcceptable(
                f"None of the content codings in the Accept-Encoding header can be given; these can: {names}, identity."
            )
        return None

    return negotiate


@lru_cache(_ACCEPT_VALUES_KEPT)
def is_json_in_utf8(content_type: bytes) -> bool:
    """Whether a Content-Type is JSON, without a charset or in UTF-8."""
    media_type, parameters = _parse(content_type)
    return media_type == JSON and _in_utf8(parameters)


def _ranges(accept: bytes) -> dict[bytes, float]:
    parsed = (_parse(part) for part in accept.split(b","))
    return {_in_full(name, parameters): _quality(parameters) for name, parameters in parsed if _in_utf8(parameters)}


def _coding_weights(accept_encoding: bytes) -> dict[bytes, float]:
    parsed = (_parse(part) for part in accept_encoding.split(b","))
    # "x-gzip" is the same coding (RFC 9110, 8.4.1.3).
    return {b"gzip" if name == b"x-gzip" else name: _quality(parameters) for name, parameters in parsed if name}


def _in_full(name: bytes, parameters: dict[bytes, bytes]) -> bytes:
    """The media type with the one parameter that distinguishes protocols."""
    version = parameters.get(b"subscriptionspec")
    return name if version is None else name + b";subscriptionspec=" + version


def _preference(ranges: dict[bytes, float], offer: bytes) -> tuple[float, int]:
    """The quality of an offer and how exactly it is named; the closest range decides (RFC 9110, 12.5.1)."""
    kind = offer.partition(b"/")[0]
    if offer in ranges:
        # With a parameter it is named more exactly (RFC 9110, 12.5.1).
        return ranges[offer], 4 if b";" in offer else 3
    for closeness, name in ((1, kind + b"/*"), (0, b"*/*")):
        if name in ranges:
            # Of the two JSON types matched by a wildcard, the older comes first.
            return ranges[name], closeness + (offer == JSON)
    return 0, 0


def _parse(value: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    # The case of types and of names of parameters does not count (RFC 9110, 8.3.1).
    media_type, *rest = value.lower().split(b";")
    pairs = (part.partition(b"=") for part in rest)
    return media_type.strip(), {name.strip(): text.strip().strip(b'"') for name, _, text in pairs}


def _in_utf8(parameters: dict[bytes, bytes]) -> bool:
    return parameters.get(b"charset", b"utf-8") in (b"utf-8", b"utf8")


def _quality(parameters: dict[bytes, bytes]) -> float:
    # A malformed weight excludes its range, and does not fail the request.
    try:
        quality = float(parameters.get(b"q", 1))
    except ValueError:
        return 0
    return quality if 0 <= quality <= 1 else 0
