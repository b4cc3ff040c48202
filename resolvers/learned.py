"""What the answers of an account's upstreams have shown about them, beyond what their documents say."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from resolvers.sms.data_centres import SmsPlaces
from resolvers.upstreams.names import UpstreamName

RETRY_SECONDS: Final = 300.0
"""After which lists of ids are tried again: a vendor learns to take them, and one bad list is no verdict for ever."""

MAX_DOUBTED: Final = 1000


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


class CommaLists:
    """What is known of `filter[id]=1,2`, which no document promises; account lifetime.

    Args:
        clock: Seconds that only go forward.

    Attributes:
        proven: Whether an answer has shown several of the ids asked for and nothing else: what lacks is then not there.
        size: How many ids go together: fewer than the caller has where the upstream serves smaller pages.
        doubted: Ids that an answer lacked before lists were proven: one that exists shows that lists are not taken.
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
        """Whether a list is worth a call."""
        return self._clock() >= self._refused_until

    def prove(self) -> None:
        """Take note of an answer that a list alone explains."""
        self.proven = True
        self.doubted.clear()

    def refuse(self, suspects: Iterable[str] = ()) -> None:
        """Take note that a list was refused, ignored or cut, and leave lists be for a while.

        Args:
            suspects: Ids of which one may have been refused and not the list.
        """
        self.proven = False
        self.doubted.clear()
        self._suspects = frozenset(suspects)
        self._refused_until = self._clock() + RETRY_SECONDS

    def doubt(self, missing: Iterable[str]) -> None:
        """Remember what an answer lacked, until it is asked for singly."""
        if len(self.doubted) < MAX_DOUBTED:
            self.doubted.update(missing)

    def refused_singly(self, record_id: str) -> None:
        """Take note of an id that is refused by itself: a list is not to blame for it."""
        if record_id in self._suspects:
            self._suspects = frozenset()
            self._refused_until = float("-inf")

    def found_singly(self, record_id: str) -> None:
        """Take note of a record that exists: where a list's answer lacked it, the list was not taken."""
        if record_id in self.doubted:
            self.refuse()


@dataclass(slots=True)
class Learned:
    """What answers have taught about the upstreams of an account; account lifetime, shared by its views."""

    sms_places: SmsPlaces = field(default_factory=SmsPlaces)
    comma_lists: CommaLists = field(default_factory=CommaLists)
    page_caps: dict[UpstreamName, int] = field(default_factory=dict)
