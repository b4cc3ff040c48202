"""What the records of all upstreams are declared with: types of values, attributes, timestamps and vocabularies."""

import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from operator import attrgetter
from typing import Annotated, Any, Final, TypeVar

import msgspec

from resolvers.errors import UpstreamBadAnswer
from resolvers.upstreams.names import UpstreamName

LEAST_INT: Final = -(2**31)
LARGEST_INT: Final = 2**31 - 1

Int32 = Annotated[int, msgspec.Meta(ge=LEAST_INT, le=LARGEST_INT)]
"""A whole number that GraphQL's Int, of 32 bits, can hold; no vendor documents a larger one."""

Finite = Annotated[float, msgspec.Meta(ge=-sys.float_info.max, le=sys.float_info.max)]
"""A number that GraphQL's Float, which is finite, can hold: text that is read as a number may say `NaN` or `inf`."""

NonEmpty = Annotated[str, msgspec.Meta(min_length=1)]
"""A text without which the record is of no use: its id, a token."""

Zoned = Annotated[datetime, msgspec.Meta(tz=True)]
"""An instant whose text names its zone."""

Meaning = TypeVar("Meaning")


def at(path: str) -> Any:  # noqa: ANN401 - the attribute's type is the schema's to state
    """Return a read-only attribute for a value that the wire form holds deeper down.

    Args:
        path: Dotted, from the record, such as `attributes.status`.
    """
    # A property over an `attrgetter`, because compiled execution reads its path and goes straight to the value.
    return property(attrgetter(path))


def promised_at(path: str, upstream: UpstreamName) -> Any:  # noqa: ANN401 - see `at`
    """Return an attribute as `at` does, for a value that is never null in the schema.

    Reading it raises UpstreamBadAnswer if the upstream has sent no value.

    Args:
        path: Dotted, from the record, such as `attributes.created_at`.
        upstream: The one that the record is from.
    """
    return _Promised(path, upstream)


class _Promised(property):
    """The attribute of `promised_at`. Lifetime: class."""

    def __init__(self, path: str, upstream: UpstreamName) -> None:
        super().__init__(attrgetter(path))
        self._path = path
        self._upstream = upstream

    def __get__(self, record: Any, owner: type | None = None) -> Any:  # noqa: ANN401 - see `at`
        # Compiled execution follows the path itself and comes here only if it finds None there.
        value = super().__get__(record, owner)
        if value is None:
            words = self._path.rpartition(".")[2].removeprefix("wire_").replace("_", " ")
            raise UpstreamBadAnswer(self._upstream, f"{self._upstream.name} answered a record without its {words}.")
        return value


_BEFORE_ZONE: Final = re.compile(r"\s+(?=[+-]\d\d:?\d\d$|Z$)")


def instant(timestamp: Any) -> datetime | None:  # noqa: ANN401 - a vendor may send anything where it documents nothing
    """Return the instant that a value on the wire names; None if it is absent or no ISO 8601 timestamp.

    Args:
        timestamp: Such as `2018-09-24T12:17:44.653+02:00`. Without a zone it is UTC; spaces around its parts and
            letters in lower case are read as well.
    """
    try:
        moment = datetime.fromisoformat(timestamp)
    except TypeError:
        return None
    except ValueError:
        mended = _in_iso_form(timestamp)
        return instant(mended) if mended != timestamp else None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _in_iso_form(timestamp: str) -> str:
    return _BEFORE_ZONE.sub("", timestamp.strip().upper())


class Words(dict[str, Meaning]):
    """A vendor's vocabulary: the meaning of each word, in any case of letters. Lifetime: process.

    Args:
        words: The meanings of the documented words, in the vendor's spelling.
        unknown: The meaning of any other word.
    """

    # A dict, because a word in the vendor's spelling, which nearly all are, is then found without any code of ours.

    def __init__(self, words: Mapping[str, Meaning], unknown: Meaning) -> None:
        super().__init__(words)
        self._folded = {word.casefold(): meaning for word, meaning in words.items()}
        self._unknown = unknown

    def __missing__(self, word: str) -> Meaning:
        """Return the meaning of a word that is not in the vendor's spelling."""
        return self._folded.get(word.strip().casefold(), self._unknown)
