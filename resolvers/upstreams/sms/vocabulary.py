"""The words of the SMS API, and what they mean for progress; each member's value is the word on the wire."""

from enum import Enum
from typing import Final

from resolvers.upstreams.names import Progress


class SmsEncoding(Enum):
    """The character set of an SMS."""

    STANDARD = "STANDARD"
    UTF_16 = "UTF-16"
    UNKNOWN = "UNKNOWN"


class SmsQos(Enum):
    """How urgently a job is worked off."""

    NORMAL = "NORMAL"
    EXPRESS = "EXPRESS"
    UNKNOWN = "UNKNOWN"


class InvalidCharacters(Enum):
    """What becomes of characters that STANDARD encoding does not have."""

    REFUSE = "REFUSE"
    REPLACE = "REPLACE"
    TO_UTF16 = "TO_UTF16"
    TRANSLITERATE = "TRANSLITERATE"


class SmsProcessStatus(Enum):
    """Where the SMS to one recipient stands (documents: `processStatus`)."""

    OPEN = "OPEN"
    RUNNING = "RUNNING"
    DONE = "DONE"
    CANCELED = "CANCELED"
    KILL = "KILL"
    UNKNOWN = "UNKNOWN"


ENCODING_OF_WORD: Final = {member.value: member for member in SmsEncoding}
"""By the word in upper case: reports write `utf-16`, requests may write either."""

QOS_OF_WORD: Final = {member.value: member for member in SmsQos}
"""By the word in upper case."""

PROCESS_STATUS_OF_WORD: Final = {member.value: member for member in SmsProcessStatus}

PROGRESS_OF_WORDS: Final = {
    ("OPEN", None): Progress.PENDING,
    ("OPEN", ""): Progress.PENDING,
    ("DONE", "SUC_ACC"): Progress.SUCCEEDED,
    ("DONE", "SUC_FIN"): Progress.SUCCEEDED,
}
"""Where processStatus and status together say more than processStatus alone."""

PROGRESS_OF_PROCESS_STATUS: Final = {
    "OPEN": Progress.IN_PROGRESS,
    "RUNNING": Progress.IN_PROGRESS,
    "DONE": Progress.FAILED,
    "CANCELED": Progress.CANCELLED,
    "KILL": Progress.CANCELLED,
}
"""A word that is not here is in progress: it may still change."""

FINAL_PROCESS_STATUSES: Final = frozenset({"DONE", "CANCELED", "KILL"})
