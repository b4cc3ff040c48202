"""How the SMS API explains why it refuses a job: mostly by the status alone."""

from typing import Final

import msgspec

from resolvers.upstreams.answers import Complaint
from resolvers.upstreams.complaint import read_complaint


def read_job_complaint(status: int, body: bytes) -> Complaint:
    """What the body says about a job that was refused, or else what the documents say about the status."""
    complaint = read_complaint(body)
    retry_after = _COUNTED_SECONDS if status == 429 else None
    return msgspec.structs.replace(
        complaint, message=complaint.message or _MEANING_OF_STATUS.get(status), pointer=None, retry_after=retry_after
    )


_COUNTED_SECONDS: Final = 10.0
"""What 429 is about (documents: "Too many requests in the last 10 seconds (retry later)")."""

_MEANING_OF_STATUS: Final = {
    400: "the job's data is invalid (such as its qos, encoding or a blackout period)",
    409: "the same job was posted in the last 10 minutes (duplicateDetection)",
    422: "the job's data is invalid (such as characters that its encoding does not have, or no messages)",
}
