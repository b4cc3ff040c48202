"""Successes that answer less than they should: a change was made, and its record is missing or incomplete."""

from typing import Any, Final, TypeVar

import msgspec

from resolvers.errors import UpstreamBadAnswer
from resolvers.upstreams.answers import decode
from resolvers.upstreams.call import Answer, Call

Record = TypeVar("Record")

_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])


def whole_or_none(decoder: msgspec.json.Decoder[Record], call: Call, answer: Answer) -> Record | None:
    """What a change was answered with; None where it was made, and the answer is empty or not the whole of it.

    Raises:
        UpstreamBadAnswer: the body is no JSON object, or an error under a status of success: nobody knows what came of
            it.
    """
    if not answer.body.strip():
        return None
    try:
        return decode(decoder, call, answer)
    except UpstreamBadAnswer:
        if _tells_an_error(answer.body):
            raise
        return None


def _tells_an_error(body: bytes) -> bool:
    """Whether a body is of one of the forms in which APIs write errors, or of none that is documented for anything."""
    try:
        fields = _OBJECT.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return True
    return bool(fields.get("errors") or fields.get("error")) or fields.get("code", "success") != "success"
