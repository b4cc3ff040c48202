"""The names of the upstreams, and the progress of a record in words that all of them share."""

from enum import Enum
from typing import ClassVar


class UpstreamName:
    """The name of one REST API behind the gateway, equal only to itself. Lifetime: process.

    Constructing one registers it: it becomes a value of the schema's enum `UpstreamName`, with a scope to read and one
    to write.

    Args:
        name: In upper case, as clients, settings (`GATEWAY_<NAME>__...`) and metrics spell it.
        description: What the API is, for the schema.

    Raises:
        ValueError: another upstream has this name.
    """

    # No enum, because an upstream from outside of the packages adds its name when it is imported.
    DELIVERIES: ClassVar["UpstreamName"]
    SMS: ClassVar["UpstreamName"]
    LOGISTICS: ClassVar["UpstreamName"]

    _known: ClassVar[dict[str, "UpstreamName"]] = {}

    __slots__ = ("description", "name")

    def __init__(self, name: str, description: str) -> None:
        if name in self._known:
            raise ValueError(f"There are two upstreams with the name {name}: give the second another one.")
        self.name = name
        self.description = description
        self._known[name] = self

    @classmethod
    def known(cls) -> tuple["UpstreamName", ...]:
        """Return all upstreams, in the order of their registration."""
        return tuple(cls._known.values())

    def __repr__(self) -> str:
        return f"<UpstreamName {self.name}>"


UpstreamName.DELIVERIES = UpstreamName("DELIVERIES", "The send-tasks API: products to DSPs.")
UpstreamName.SMS = UpstreamName("SMS", "Retarus SMS for Applications.")
UpstreamName.LOGISTICS = UpstreamName("LOGISTICS", "The GotSurge Partnership API.")


class Progress(Enum):
    """The status of a record, in one vocabulary for all upstreams."""

    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


FINAL_PROGRESS = frozenset({Progress.SUCCEEDED, Progress.FAILED, Progress.CANCELLED})
"""After these no further change comes."""
