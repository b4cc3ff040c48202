"""Encodes responses as JSON up to a size, also with any value that an upstream passed through.

Theory of operation
-------------------
An operation can repeat a record that it reads once any number of times: by aliases, by the same id in a list, or by
records that refer to each other. So the size of a response is known only when it is encoded. `ResponseWriter` estimates
it first, from few objects of each list. What is estimated above `AT_ONCE` is encoded in pieces, at most `MOST_OBJECTS`
of a list at a time, and given up as soon as the pieces are above the limit.
"""

import json
import logging
from typing import Any, Final

import orjson

from gateway.operations.documents.request_limits import RequestCounts
from resolvers.errors import OperationTooExpensive, UpstreamBadAnswer

TOO_DEEP: Final = "An upstream passed a value through that is nested too deeply to be written."

HALF_PAIR: Final = "An upstream passed a text through with half of a surrogate pair, which UTF-8 cannot express."

_CONTAINERS: Final = (dict, list)

_LOG: Final = logging.getLogger(__name__)


def encode_part(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Return a part of a response as JSON.

    Raises:
        RecursionError: The value is nested too deeply.
        UnicodeEncodeError: The value has half of a surrogate pair.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_UTC_Z)
    except orjson.JSONEncodeError as error:
        # orjson encodes no integers beyond 64 bits and no more than 254 levels; free-form values of upstreams may have
        # both, and the standard library encodes them.
        _LOG.warning("An answer is written the slow way: %s", error)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_builtin).encode()


def variables_key(variables: dict[str, Any] | None) -> bytes:
    """Return bytes that are equal for equal variables, in any order of names."""
    if not variables:
        return b""
    try:
        return compact(orjson.dumps(variables, option=orjson.OPT_SORT_KEYS))
    except orjson.JSONEncodeError:
        # Clients may send integers beyond 64 bits.
        return json.dumps(variables, sort_keys=True).encode()


def _builtin(value: object) -> Any:  # noqa: ANN401 - any JSON value
    return orjson.loads(orjson.dumps(value, option=orjson.OPT_UTC_Z))


def compact(encoded: bytes) -> bytes:
    """Return a copy of the bytes without unused memory."""
    # orjson allocates 4 KiB at least, however short its result is.
    return bytes(memoryview(encoded))


MAX_BYTES: Final = 16 * 1024 * 1024
"""Bytes of a response, unless the settings say otherwise."""

AT_ONCE: Final = 256 * 1024
"""Estimated bytes that one call encodes. So much may be encoded in vain, and more for a list whose objects are much
larger than its first and last."""

MOST_OBJECTS: Final = 64
"""Objects of a large list that one call encodes."""

_PLAIN: Final = 16
"""Estimated bytes of a number, boolean, null or key."""


class ResponseWriter:
    """Encodes responses up to a size; process lifetime.

    Args:
        max_bytes: Bytes of a response, and of the response to a subscription's event.
        counts: Counters of refusals.
    """

    def __init__(self, max_bytes: int = MAX_BYTES, counts: RequestCounts | None = None) -> None:
        self._max_bytes = max_bytes
        self._counts = counts or RequestCounts()

    def write(self, response: dict[str, Any]) -> tuple[bytes, bool]:
        """Return the response as JSON, and True; an error as JSON, and False, where it is too large or has no JSON."""
        try:
            return self._written(response), True
        except _TooLargeError:
            self._counts.response += 1
            return _error(self._too_large(), OperationTooExpensive.code), False
        except RecursionError:
            return _error(TOO_DEEP, UpstreamBadAnswer.code), False
        except UnicodeEncodeError:
            return _error(HALF_PAIR, UpstreamBadAnswer.code), False

    def _written(self, response: dict[str, Any]) -> bytes:
        pieces = _Pieces(self._max_bytes)
        try:
            pieces.add(response)
        except RecursionError:
            # Lists that are too deep for the estimate may be encoded all the same.
            pieces = _Pieces(self._max_bytes)
            pieces.put(encode_part(response))
        return b"".join(pieces.written)

    def _too_large(self) -> str:
        return (
            f"The response is larger than the {self._max_bytes} bytes that are sent; what was changed is changed. Ask "
            "for smaller pages, or for less of each record."
        )


def _error(message: str, code: str) -> bytes:
    return orjson.dumps({"data": None, "errors": [{"message": message, "extensions": {"code": code}}]})


class _TooLargeError(Exception):
    """The pieces are above the limit."""


class _Pieces:
    """The encoded pieces of one response; lifetime: its encoding."""

    def __init__(self, room: int) -> None:
        self.written: list[bytes] = []
        self._room = room

    def add(self, value: Any) -> None:  # noqa: ANN401 - any JSON value
        if type(value) not in _CONTAINERS or _estimate(value) <= AT_ONCE:
            self.put(encode_part(value))
        elif type(value) is dict:
            self.put(b"{")
            for number, (key, one) in enumerate(value.items()):
                self.put((b"," if number else b"") + encode_part(key) + b":")
                self.add(one)
            self.put(b"}")
        else:
            self.put(b"[")
            self._add_objects(value)
            self.put(b"]")

    def _add_objects(self, objects: list[Any]) -> None:
        start = 0
        while start < len(objects):
            if start:
                self.put(b",")
            chunk = objects[start : start + MOST_OBJECTS]
            # Shortened to what fits by the size of its first object, then of what is its last object by then.
            del chunk[_fitting(chunk[0]) :]
            del chunk[_fitting(chunk[-1]) :]
            if len(chunk) > 1:
                self.put(encode_part(chunk)[1:-1])
            else:
                self.add(chunk[0])
            start += len(chunk)

    def put(self, piece: bytes) -> None:
        self._room -= len(piece)
        if self._room < 0:
            raise _TooLargeError
        self.written.append(piece)


def _fitting(value: Any) -> int:  # noqa: ANN401 - any JSON value
    """Return how many values of this size one call encodes."""
    return max(1, AT_ONCE // (_estimate(value) + 1))


def _estimate(value: Any) -> int:  # noqa: ANN401 - any JSON value
    """Return the approximate bytes of a value; of a list, by the larger of its first and last object."""
    if type(value) is str:
        return len(value)
    if type(value) is list:
        # A dict, so that a list of one object is estimated once; twice for each level would be exponential.
        return len(value) * max(map(_estimate, {0: value[0], len(value) - 1: value[-1]}.values())) if value else _PLAIN
    if type(value) is not dict:
        return _PLAIN
    size = _PLAIN * len(value)
    for one in value.values():
        # Inlined for plain values, which are most, because a call for each would dominate.
        kind = type(one)
        size += len(one) if kind is str else _estimate(one) if kind in _CONTAINERS else _PLAIN
    return size
