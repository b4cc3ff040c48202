"""How the SMS API explains a refusal: mostly by its status alone."""

from typing import Final

import msgspec

from resolvers.upstreams.answers import Complaint


class _Refusal(msgspec.Struct, frozen=True):
    message: str | None = None
    code: int | str | None = None


_REFUSAL = msgspec.json.Decoder(_Refusal)


def read_complaint(body: bytes) -> Complaint:
    """What the body says; no document promises one, so it is mostly empty."""
    try:
        refusal = _REFUSAL.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Complaint()
    return Complaint(refusal.message, code=None if refusal.code is None else str(refusal.code))


def read_job_complaint(status: int, body: bytes) -> Complaint:
    """What the body says about a job that was refused, or else what the documents say about the status."""
    complaint = read_complaint(body)
    retry_after = _COUNTED_SECONDS if status == 429 else None
    return Complaint(complaint.message or _MEANING_OF_STATUS.get(status), None, complaint.code, retry_after)


_COUNTED_SECONDS: Final = 10.0
"""What 429 is about (documents: "Too many requests in the last 10 seconds (retry later)")."""

_MEANING_OF_STATUS: Final = {
    400: "the job's data is invalid (such as its qos, encoding or a blackout period)",
    409: "the same job was posted in the last 10 minutes (duplicateDetection)",
    422: "the job's data is invalid (such as characters that its encoding does not have, or no messages)",
}
