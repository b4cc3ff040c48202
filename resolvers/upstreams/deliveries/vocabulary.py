"""The words of the send-tasks API, and what they mean for progress; each member's value is the word on the wire."""

from collections.abc import Mapping
from enum import Enum
from typing import Final, TypeVar

from resolvers.upstreams.names import Progress

Word = TypeVar("Word", bound=Enum)


class DeliveryType(Enum):
    """What a delivery does with the product at the DSP (documents: `delivery-type`)."""

    DELIVERY = "delivery"
    UPDATE = "update"
    REDELIVERY = "redelivery"
    DELETE = "delete"
    UNKNOWN = "unknown"


class DeliveryStatus(Enum):
    """Where a delivery stands (documents: "Status values", the spelling of `procesing` included)."""

    PENDING = "pending"
    WAITING = "waiting"
    PROCESSING = "procesing"
    COMPLETED = "completed"
    ERROR = "error"
    UNKNOWN = "unknown"


class Words(dict[str, Word]):
    """What the vendor's words mean; any other word means `unknown`. A look-up costs no more than one in a dict."""

    def __init__(self, words: Mapping[str, Word], unknown: Word) -> None:
        super().__init__(words)
        self._unknown = unknown

    def __missing__(self, word: str) -> Word:
        """A word that no document names."""
        return self._unknown


TYPE_OF_WORD: Final = Words({member.value: member for member in DeliveryType}, DeliveryType.UNKNOWN)

STATUS_OF_WORD: Final = Words(
    {member.value: member for member in DeliveryStatus} | {"processing": DeliveryStatus.PROCESSING},
    DeliveryStatus.UNKNOWN,
)
"""Takes the correct spelling too, should the vendor ever mend it."""

PROGRESS_OF_WORD: Final = {
    "pending": Progress.PENDING,
    "waiting": Progress.IN_PROGRESS,
    "procesing": Progress.IN_PROGRESS,
    "processing": Progress.IN_PROGRESS,
    "completed": Progress.SUCCEEDED,
    "error": Progress.FAILED,
}
"""A word that is not here is in progress: it may still change."""

FINAL_WORDS: Final = frozenset({"completed", "error"})
