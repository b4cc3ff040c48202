"""Decides which traces are kept."""

from collections.abc import Callable
from random import random
from typing import Final

import msgspec

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
            parent: The client's `traceparent`; None if it began none.
            chance: Returns a number from 0 to 1.
        """
        if parent is not None and self.follows_client:
            # Every part before them has a fixed length (W3C Trace Context, traceparent).
            flags = parent[53:55]
            return _is_hex(flags) and bool(int(flags, 16) & _SAMPLED)
        return self.ratio > 0 and chance() < self.ratio


def _is_hex(flags: bytes) -> bool:
    return len(flags) == 2 and all(one in b"0123456789abcdef" for one in flags)
