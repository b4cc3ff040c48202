"""The words that all three upstreams share."""

from enum import Enum


class UpstreamName(Enum):
    """Which of the three REST APIs."""

    DELIVERIES = "DELIVERIES"
    SMS = "SMS"
    LOGISTICS = "LOGISTICS"

    # Enum's own is Python code that runs for every look-up; members are equal to themselves alone either way.
    __hash__ = object.__hash__


class Progress(Enum):
    """Where a thing stands, in one vocabulary for all three upstreams."""

    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


FINAL_PROGRESS = frozenset({Progress.SUCCEEDED, Progress.FAILED, Progress.CANCELLED})
