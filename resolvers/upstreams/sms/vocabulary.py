"""The vocabulary of the SMS API, and its meaning as progress. A member's value is the word on the wire."""

from enum import Enum
from typing import Final

from resolvers.upstreams.fields import Words
from resolvers.upstreams.names import Progress


class SmsEncoding(Enum):
    """The character set of an SMS."""

    STANDARD = "STANDARD"
    UTF_16 = "UTF-16"
    UNKNOWN = "UNKNOWN"


class SmsQos(Enum):
    """The urgency of a job."""

    NORMAL = "NORMAL"
    EXPRESS = "EXPRESS"
    UNKNOWN = "UNKNOWN"


# Without UNKNOWN, because it is only sent: the vendor's reports do not repeat it.
class InvalidCharacters(Enum):
    """The treatment of characters that STANDARD encoding does not have."""

    REFUSE = "REFUSE"
    REPLACE = "REPLACE"
    TO_UTF16 = "TO_UTF16"
    TRANSLITERATE = "TRANSLITERATE"


class SmsProcessStatus(Enum):
    """The status of the SMS to one recipient (documents: `processStatus`)."""

    OPEN = "OPEN"
    RUNNING = "RUNNING"
    DONE = "DONE"
    # The vendor's spelling, with one L, and so the schema's.
    CANCELED = "CANCELED"
    KILL = "KILL"
    UNKNOWN = "UNKNOWN"


ENCODING_OF_WORD: Final = Words({member.value: member for member in SmsEncoding}, SmsEncoding.UNKNOWN)

QOS_OF_WORD: Final = Words({member.value: member for member in SmsQos}, SmsQos.UNKNOWN)

PROCESS_STATUS_OF_WORD: Final = Words({member.value: member for member in SmsProcessStatus}, SmsProcessStatus.UNKNOWN)

PROGRESS_OF_WORDS: Final = {
    # An OPEN with a status is a retry (the vendor's table of status codes), so only one without is pending.
    ("OPEN", None): Progress.PENDING,
    ("OPEN", ""): Progress.PENDING,
    ("DONE", "SUC_ACC"): Progress.SUCCEEDED,
    ("DONE", "SUC_FIN"): Progress.SUCCEEDED,
}
"""The progress where processStatus and status together say more than processStatus only."""

PROGRESS_OF_PROCESS_STATUS: Final = Words(
    {
        "OPEN": Progress.IN_PROGRESS,
        "RUNNING": Progress.IN_PROGRESS,
        # Failed unless the status beside it says otherwise: see `PROGRESS_OF_WORDS`.
        "DONE": Progress.FAILED,
        "CANCELED": Progress.CANCELLED,
        "KILL": Progress.CANCELLED,
    },
    # An unknown status counts as one that may still change, so that the record goes on being read.
    Progress.IN_PROGRESS,
)

FINAL_OF_PROCESS_STATUS: Final = Words(
    {word: word in {"DONE", "CANCELED", "KILL"} for word in PROGRESS_OF_PROCESS_STATUS}, False
)
"""Whether no further change will come."""


def progress_of(process_status: str, status: str | None) -> Progress:
    """Return the progress of the SMS to one recipient, by words in any case of letters."""
    words = (process_status.strip().upper(), status and status.strip().upper())
    return PROGRESS_OF_WORDS.get(words) or PROGRESS_OF_PROCESS_STATUS[process_status]
