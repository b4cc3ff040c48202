"""How an upstream's timestamps become instants."""

from datetime import UTC, datetime
from typing import Any


def instant(timestamp: Any) -> datetime | None:  # noqa: ANN401 - a vendor may send anything where it documents nothing
    """The instant that a wire value names; None where it is absent or no ISO 8601 timestamp.

    Args:
        timestamp: Such as `2018-09-24T12:17:44.653+02:00`. One without a zone is read as UTC.
    """
    try:
        moment = datetime.fromisoformat(timestamp)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
