"""How many objects a response holds at most: what a few calls may still multiply to, one list in another."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from gateway.operations.cost.mutations import CHANGES
from gateway.operations.cost.selection import Asked, Values
from resolvers.connections import MAX_FIRST
from resolvers.sms.jobs import MAX_RECIPIENTS

ITEMS: Final = 10
"""What a list is taken for that no argument bounds, such as a task's items."""


class PageSize(NamedTuple):
    """How many nodes a connection has.

    Args:
        usual: Where `first` is not given.
        most: The largest that is served.
    """

    usual: int
    most: int


CONNECTIONS: Final[Mapping[str, PageSize]] = {
    "deliveries": PageSize(20, MAX_FIRST),
    "smsJobs": PageSize(20, MAX_FIRST),
    "recipients": PageSize(50, MAX_RECIPIENTS),
    "logisticsTasks": PageSize(20, MAX_FIRST),
    "organizations": PageSize(20, MAX_FIRST),
}
"""By the name of the field that has the connection."""

LISTS: Final = frozenset({"items", "statusHistory", "roles", "errors", "upstreams"})
"""Fields that are lists of objects, bounded by no argument."""


class NodeCount:
    """Counts the objects of a response; estimate lifetime.

    Args:
        values: Of arguments and conditions.
    """

    def __init__(self, values: Values) -> None:
        self._values = values

    def of(self, below: Iterable[Asked], parents: int = 1, page: int = 1) -> int:
        """How many objects stand below some others.

        Args:
            below: What is asked of each.
            parents: How many these are.
            page: How many each of them has in its list, where it is a connection or a payload.
        """
        count = 0
        for asked in below:
            if asked.below and self._values.holds(asked.conditions):
                here = parents * self._many(asked, page)
                count += here + self.of(asked.below, here, self._page(asked))
        return count

    def _many(self, asked: Asked, page: int) -> int:
        if asked.name == "nodes" and "ids" in asked.arguments:
            return len(self._values.many(asked, "ids"))
        if asked.name in {"nodes", "edges", "tasks"}:
            return page
        return ITEMS if asked.name in LISTS else 1

    def _page(self, asked: Asked) -> int:
        size = CONNECTIONS.get(asked.name)
        if size is not None:
            return self._values.number(asked, "first", size.usual, size.most)
        change = CHANGES.get(asked.name)
        return len(self._values.many(asked, change.several)) if change is not None and change.several else 1
