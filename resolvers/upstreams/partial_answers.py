"""Successes that answer less than they should: a change was made, and its record is missing or incomplete."""

import re
from typing import Final, TypeVar

import msgspec

from resolvers.errors import UpstreamBadAnswer
from resolvers.upstreams.answers import decode
from resolvers.upstreams.call import Answer, Call
from resolvers.upstreams.lenient import UnreadableError, parsed

Record = TypeVar("Record")

_WORDS: Final = re.compile(rb"\s*[A-Za-z][A-Za-z ,.!_-]{0,60}\s*")
"""A few plain words, such as `OK`."""

_FAILURES: Final = ("error", "fail", "internal", "invalid", "denied", "forbidden", "conflict", "unauthori", "not_found")
"""What a code of an error has in it."""


def whole_or_none(decoder: msgspec.json.Decoder[Record], call: Call, answer: Answer) -> Record | None:
    """What a change was answered with; None where it was made, and the answer is empty or not the whole of it.

    Whatever else a success says, such as `OK` or a code that no document names, the record itself is to be read once.

    Raises:
        UpstreamBadAnswer: the body is an error under a status of success: nobody knows what came of it.
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
    """Whether a body is of one of the forms in which APIs write errors, or of none that says that anything was done."""
    try:
        said = parsed(body)
    except UnreadableError:
        return not _WORDS.fullmatch(body)
    if isinstance(said, str):
        return not _WORDS.fullmatch(said.encode(errors="replace"))
    if not isinstance(said, dict):
        return said is not True
    return bool(said.get("errors") or said.get("error")) or names_a_failure(str(said.get("code", "")))


def names_a_failure(code: str) -> bool:
    """Whether a code is one of an error; any other is taken for another word for success."""
    return any(word in code.lower() for word in _FAILURES)
