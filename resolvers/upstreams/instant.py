"""How an upstream's timestamps become instants."""

import re
from datetime import UTC, datetime
from typing import Any, Final

_BEFORE_ZONE: Final = re.compile(r"\s+(?=[+-]\d\d:?\d\d$|Z$)")


def instant(timestamp: Any) -> datetime | None:  # noqa: ANN401 - a vendor may send anything where it documents nothing
    """The instant that a wire value names; None where it is absent or no ISO 8601 timestamp.

    Args:
        timestamp: Such as `2018-09-24T12:17:44.653+02:00`. One without a zone is read as UTC, and
            one with spaces around its parts or with letters in lower case as if it were written as it should be.
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
