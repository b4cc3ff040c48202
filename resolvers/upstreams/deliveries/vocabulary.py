"""The vocabulary of the send-tasks API, and its meaning as progress. A member's value is the word on the wire."""

from enum import Enum
from typing import Final

from resolvers.upstreams.fields import Words
from resolvers.upstreams.names import FINAL_PROGRESS, Progress


class DeliveryType(Enum):
    """The effect of a delivery on the product at the DSP (documents: `delivery-type`)."""

    DELIVERY = "delivery"
    UPDATE = "update"
    REDELIVERY = "redelivery"
    DELETE = "delete"
    UNKNOWN = "unknown"


class DeliveryStatus(Enum):
    """The status of a delivery (documents: "Status values", the spelling of `procesing` included)."""

    PENDING = "pending"
    WAITING = "waiting"
    # As a filter and in a change this is what is sent: the document knows no other spelling.
    PROCESSING = "procesing"
    COMPLETED = "completed"
    ERROR = "error"
    UNKNOWN = "unknown"


TYPE_OF_WORD: Final = Words({member.value: member for member in DeliveryType}, DeliveryType.UNKNOWN)

STATUS_OF_WORD: Final = Words(
    # In the correct spelling too, because the vendor may mend its own at any time.
    {member.value: member for member in DeliveryStatus} | {"processing": DeliveryStatus.PROCESSING},
    DeliveryStatus.UNKNOWN,
)

PROGRESS_OF_WORD: Final = Words(
    {
        "pending": Progress.PENDING,
        "waiting": Progress.IN_PROGRESS,
        "procesing": Progress.IN_PROGRESS,
        "processing": Progress.IN_PROGRESS,
        "completed": Progress.SUCCEEDED,
        "error": Progress.FAILED,
    },
    # An unknown status counts as one that may still change, so that the record goes on being read.
    Progress.IN_PROGRESS,
)

FINAL_OF_WORD: Final = Words({word: progress in FINAL_PROGRESS for word, progress in PROGRESS_OF_WORD.items()}, False)
"""Whether no further change will come."""
