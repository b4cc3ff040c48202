"""The border at which the faults of a session store become ours, and one line in the log."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.oauth.sessions import SessionStoreUnavailable

logger = logging.getLogger(__name__)


class StoreFaults:
    """Translates what a store's library raises; store lifetime.

    Args:
        place: Names the store in the log.
        kinds: What the library raises.
    """

    def __init__(self, place: str, *kinds: type[Exception]) -> None:
        self._place = place
        self._kinds = kinds
        self._failing = False

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Within the block, the library's faults are ours; the first of several in a row is logged.

        Raises:
            SessionStoreUnavailable: the library raised one of its kinds.
        """
        try:
            yield
        except self._kinds as error:
            if not self._failing:
                self._failing = True
                logger.warning("%s fails (%s: %s): sessions cannot be used.", self._place, type(error).__name__, error)
            raise SessionStoreUnavailable from error
        if self._failing:
            self._failing = False
            logger.info("%s is back: sessions can be used again.", self._place)
