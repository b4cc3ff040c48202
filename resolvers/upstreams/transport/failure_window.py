"""The last outcomes of calls, and how many of them failed."""

from typing import Final

HEALTHY_RATE: Final = 0.1
"""A smaller share of failures is no news."""


class FailureWindow:
    """Remembers the last outcomes, as bits of a number; lives as long as its breaker.

    Args:
        size: How many outcomes.
        seconds: How long after the last failure all are forgotten.
    """

    def __init__(self, size: int, seconds: float) -> None:
        self._size = size
        self._seconds = seconds
        self._mask = (1 << size) - 1
        self._forget()

    def _forget(self) -> None:
        self._failures = 0
        self._outcomes = 0
        self._failed_at = 0.0

    def add_success(self) -> None:
        """Note a call that was answered."""
        if self._outcomes < self._size:
            self._outcomes += 1
        if self._failures:
            self._failures = (self._failures << 1) & self._mask

    def add_failure(self, now: float) -> None:
        """Note a call that failed."""
        if now - self._failed_at > self._seconds:
            self._forget()
        self._failed_at = now
        self._outcomes = min(self._size, self._outcomes + 1)
        self._failures = (self._failures << 1 | 1) & self._mask

    def clear(self) -> None:
        """Forget everything."""
        self._forget()

    @property
    def outcomes(self) -> int:
        """How many outcomes are remembered."""
        return self._outcomes

    @property
    def failure_rate(self) -> float:
        """The share of them that failed, 0 to 1."""
        return self._failures.bit_count() / self._outcomes if self._outcomes else 0.0
