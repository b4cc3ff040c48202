"""How the SMS API explains why it refuses a job: mostly by the status alone."""

from typing import Final

import msgspec

from resolvers.upstreams.answers import ErrorBody
from resolvers.upstreams.error_body import read_error_body


def read_job_error_body(status: int, body: bytes) -> ErrorBody:
    """What the body says about a job that was refused, or else what the documents say about the status."""
    error_body = read_error_body(body)
    retry_after = _COUNTED_SECONDS if status == 429 else None
    return msgspec.structs.replace(
        error_body, message=error_body.message or _MEANING_OF_STATUS.get(status), pointer=None, retry_after=retry_after
    )


_COUNTED_SECONDS: Final = 10.0
"""What 429 is about (documents: "Too many requests in the last 10 seconds (retry later)")."""

_MEANING_OF_STATUS: Final = {
    400: "the job's data is invalid (such as its qos, encoding or a blackout period)",
    409: "the same job was posted in the last 10 minutes (duplicateDetection)",
    422: "the job's data is invalid (such as characters that its encoding does not have, or no messages)",
}
