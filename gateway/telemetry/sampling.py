"""Decides which traces are kept."""

from collections.abc import Callable
from random import random
from typing import Final

import msgspec

from gateway.operations.trace import TRACE_PARENT

_SAMPLED: Final = 1


class Sampling(msgspec.Struct, frozen=True):
    """Which traces are kept. Lifetime: process.

    Args:
        ratio: The share of those that begin here, from 0 to 1.
        follows_client: Whether one that a client began is kept if the client keeps it; otherwise all go by `ratio`.
    """

    ratio: float = 1.0
    follows_client: bool = True

    def keeps(self, parent: bytes | None, chance: Callable[[], float] = random) -> bool:
        """Return whether a trace is kept.

        Args:
            parent: The client's `traceparent`; None if it began none, as one of a wrong form does.
            chance: Returns a number from 0 to 1.
        """
        found = None if parent is None or not self.follows_client else TRACE_PARENT.fullmatch(parent)
        if found is not None:
            return bool(int(found[2], 16) & _SAMPLED)
        return self.ratio > 0 and chance() < self.ratio
