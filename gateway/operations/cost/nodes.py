"""How many objects a response holds at most: what a few calls may still multiply to, one list in another."""

from collections.abc import Iterable

from gateway.operations.cost.selection import Asked, Values
from schema.prices import ListByArgument, ListOf, WholePage


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
                here, inner = parents, 1
                if asked.price.size is not None:
                    here, inner = parents * self._many(asked, page), self._values.page(asked)
                count += here + self.of(asked.below, here, inner)
        return count

    def _many(self, asked: Asked, page: int) -> int:
        size = asked.price.size
        if isinstance(size, WholePage):
            return page
        if isinstance(size, ListByArgument):
            return len(self._values.many(asked, size.argument))
        return size.count if isinstance(size, ListOf) else 1
