"""What the answers of an account's upstreams have shown about them, beyond what their documents say."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from resolvers.sms.data_centres import SmsPlaces
from resolvers.upstreams.names import UpstreamName

RETRY_SECONDS: Final = 300.0
"""Seconds until lists of ids are tried again, because a vendor may add them, and one bad list proves little."""

MAX_DOUBTED: Final = 1000
"""Ids in doubt that are remembered."""


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


class CommaLists:
    """Whether an upstream accepts `filter[id]=1,2`, which its documents leave open; account lifetime.

    `resolvers/loading/delivery_batches.py` has the rules by which answers prove or refute it::

        unknown --prove()--> proven: an id that the answer lacks does not exist
           ^  `-refuse()---> refused for RETRY_SECONDS; also from proven
           `---------------- time passes, or an id of the list is refused by itself too

    Args:
        clock: A monotonic clock, in seconds.

    Attributes:
        proven: Whether an answer had several of the requested ids and no other.
        size: Ids in one list, where the upstream serves smaller pages than requested; None where it does not.
        doubted: Ids that an answer lacked before lists were proven. If one exists, lists are not accepted.
    """

    def __init__(self, clock: Callable[[], float] = _loop_time) -> None:
        self._clock = clock
        self._refused_until = float("-inf")
        self.proven = False
        self.size: int | None = None
        self.doubted: set[str] = set()
        self._suspects: frozenset[str] = frozenset()

    @property
    def open(self) -> bool:
        """Whether lists may be tried now."""
        return self._clock() >= self._refused_until

    def prove(self) -> None:
        """Note an answer that only an accepted list explains."""
        self.proven = True
        # Once lists are proven, an absent id does not exist, and nothing is left in doubt.
        self.doubted.clear()

    def refuse(self, suspects: Iterable[str] = ()) -> None:
        """Note that a list was refused, ignored or cut, and try none for `RETRY_SECONDS`.

        Args:
            suspects: Ids of the list, one of which may be the reason instead of the list.
        """
        self.proven = False
        self.doubted.clear()
        self._suspects = frozenset(suspects)
        self._refused_until = self._clock() + RETRY_SECONDS

    def doubt(self, missing: Iterable[str]) -> None:
        """Remember the ids that an answer lacked, until each is read singly."""
        # Beyond that, evidence against lists comes later, but memory stays bounded.
        if len(self.doubted) < MAX_DOUBTED:
            self.doubted.update(missing)

    def refused_singly(self, record_id: str) -> None:
        """Note an id that is refused by itself; if it is a suspect, lists may be tried again."""
        if record_id in self._suspects:
            self._suspects = frozenset()
            self._refused_until = float("-inf")

    def found_singly(self, record_id: str) -> None:
        """Note a record that exists; if the answer to a list lacked it, lists are not accepted."""
        if record_id in self.doubted:
            self.refuse()


@dataclass(slots=True)
class Learned:
    """What the answers of an account's upstreams have shown; account lifetime, shared by its views."""

    sms_places: SmsPlaces = field(default_factory=SmsPlaces)
    comma_lists: CommaLists = field(default_factory=CommaLists)
    page_caps: dict[UpstreamName, int] = field(default_factory=dict)
