"""Why an upstream cannot be reached, in the log: each reason once a minute, however many calls meet it."""

import logging
from collections.abc import Callable
from typing import Final

from cachetools import TTLCache

from resolvers.errors import UpstreamError

SILENT_SECONDS: Final = 60.0
"""How long a reason that was logged is not logged again."""

_MOST_REASONS: Final = 100

_LOG: Final = logging.getLogger(__name__)


class FailureLog:
    """Logs the reasons of failed connections to one address; process lifetime.

    Args:
        name: The upstream and its address.
        clock: The event loop's clock, in seconds.
    """

    def __init__(self, name: str, clock: Callable[[], float]) -> None:
        self._name = name
        self._logged: TTLCache[str, None] = TTLCache(_MOST_REASONS, SILENT_SECONDS, timer=clock)
        self._more: dict[str, int] = {}

    def note(self, error: UpstreamError) -> None:
        """Log why a call failed, unless the same was logged within the last minute."""
        reason = error.reason
        if reason is None:
            return
        if reason in self._logged:
            self._more[reason] = self._more.get(reason, 0) + 1
            return
        self._logged[reason] = None
        more = self._more.pop(reason, 0)
        since = f" (calls that met this since the last such line: {more})" if more else ""
        _LOG.warning("%s cannot be reached: %s%s", self._name, reason, since)
