"""Content negotiation: the media type of a response by the Accept header, and of a request by its Content-Type."""

from collections.abc import Callable, Sequence
from functools import lru_cache

from gateway.http.refusals import NotAcceptable

JSON = b"application/json"
GRAPHQL_RESPONSE = b"application/graphql-response+json"
EVENT_STREAM = b"text/event-stream"
HTML = b"text/html"
MULTIPART = b"multipart/mixed;subscriptionspec=1.0"
"""Without this parameter, multipart/mixed means incremental delivery of queries, which is not offered."""

Negotiate = Callable[[bytes], bytes]
"""From the value of an Accept header to one of the offered media types."""

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


@lru_cache(_ACCEPT_VALUES_KEPT)
def is_json_in_utf8(content_type: bytes) -> bool:
    """Whether a Content-Type is JSON, without a charset or in UTF-8."""
    media_type, parameters = _parse(content_type)
    return media_type == JSON and _in_utf8(parameters)


def _ranges(accept: bytes) -> dict[bytes, float]:
    parsed = (_parse(part) for part in accept.split(b","))
    return {_in_full(name, parameters): _quality(parameters) for name, parameters in parsed if _in_utf8(parameters)}


def _in_full(name: bytes, parameters: dict[bytes, bytes]) -> bytes:
    """The media type with the one parameter that distinguishes protocols."""
    version = parameters.get(b"subscriptionspec")
    return name if version is None else name + b";subscriptionspec=" + version


def _preference(ranges: dict[bytes, float], offer: bytes) -> tuple[float, int]:
    """The quality of an offer and how exactly it is named; the closest range decides (RFC 9110, 12.5.1)."""
    kind = offer.partition(b"/")[0]
    if offer in ranges:
        return ranges[offer], 4 if b";" in offer else 3
    for closeness, name in ((1, kind + b"/*"), (0, b"*/*")):
        if name in ranges:
            # Of the two JSON types matched by a wildcard, the older comes first.
            return ranges[name], closeness + (offer == JSON)
    return 0, 0


def _parse(value: bytes) -> tuple[bytes, dict[bytes, bytes]]:
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
