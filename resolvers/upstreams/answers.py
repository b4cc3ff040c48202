"""Makes records or errors of an upstream's answers: statuses and bodies are judged here and nowhere else.

A success may answer less than it should: a change was made, and its record is missing or incomplete (`whole_or_none`).
"""

import re
from collections.abc import Callable
from typing import Final, TypeVar, cast

import msgspec

from resolvers.errors import (
    Conflicting,
    InputRefused,
    RecordMissing,
    UpstreamAuth,
    UpstreamBadAnswer,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamUnavailable,
)
from resolvers.upstreams.call import Answer, Call
from resolvers.upstreams.delay import delay_seconds
from resolvers.upstreams.error_body import ErrorBody
from resolvers.upstreams.internal_hosts import without_hosts
from resolvers.upstreams.lenient import UnreadableError, parsed, read

Record = TypeVar("Record")

# Not 206, a part of an answer: no call asks for one.
SUCCESSES: Final = frozenset({200, 201, 202, 203})
EMPTY_SUCCESSES: Final = frozenset({204, 205})

ReadErrorBody = Callable[[bytes], ErrorBody]
"""Reads the body of a refusal in one vendor's form; returns an empty error body if it cannot."""


def decode(decoder: msgspec.json.Decoder[Record], call: Call, answer: Answer) -> Record:
    """Return the record in a successful answer, read as the vendor documents it or else by the rule of `lenient.py`.

    Raises:
        UpstreamBadAnswer: it cannot be read either way.
    """
    # Strictly first, because that takes a fraction of the time and nearly every answer is as documented.
    try:
        return decoder.decode(answer.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return cast("Record", read(decoder.type, answer.body))
    except UnreadableError as error:
        raise UpstreamBadAnswer(
            call.upstream,
            f"{call.upstream.name} was asked to {call.purpose}, and its answer is not what its documents say: {error}",
            outcome_unknown=not call.repeatable,
        ) from error


def require_success(call: Call, answer: Answer, read_error_body: ReadErrorBody) -> None:
    """Raise the error that the status of an answer means; return if it is a success.

    Raises:
        UpstreamError: the kind that fits the status.
    """
    # 204 and 205 have no body: a change can be answered like that, a read cannot.
    if answer.status in SUCCESSES or (answer.status in EMPTY_SUCCESSES and not call.repeatable):
        return
    raise error_of(call, answer, read_error_body(answer.body))


def error_of(call: Call, answer: Answer, error_body: ErrorBody) -> UpstreamError:
    """Return the error that a status other than a success means."""
    upstream, status = call.upstream, answer.status
    if status in {400, 422}:
        return _input_refused(call, error_body, status)
    if status in {401, 403}:
        return UpstreamAuth(upstream, _credentials_refused(call, status))
    if status == 404:
        said = in_own_words(error_body.words, status)
        return RecordMissing(upstream, f"{upstream.name} has nothing with this id to {call.purpose}. {said}")
    if status == 409:
        said = in_own_words(error_body.words, status)
        return Conflicting(upstream, f"{upstream.name} refused to {call.purpose}, because of a conflict. {said}")
    if status == 429:
        asked = _retry_after(call, answer)
        return UpstreamRateLimited(
            upstream,
            f"{upstream.name} takes no more calls for now; try again later.",
            # The header first: it is about this answer, and what the document says is about all of them.
            retry_after=error_body.retry_after if asked is None else asked,
        )
    if status >= 500:
        return UpstreamUnavailable(
            upstream,
            f"{upstream.name} failed to {call.purpose} (HTTP {status}); try again later.",
            retry_after=_retry_after(call, answer),
            outcome_unknown=not call.repeatable,
        )
    return UpstreamBadAnswer(
        upstream,
        f"{upstream.name} was asked to {call.purpose}, and answered with the undocumented HTTP {status}.",
        outcome_unknown=not call.repeatable,
    )


def _input_refused(call: Call, error_body: ErrorBody, status: int) -> InputRefused:
    """Return the first error of a refusal, with the others in its `also`."""
    if call.repeatable:
        # One error with all messages, because only a mutation has a payload with room for several.
        error_body = msgspec.structs.replace(error_body, message=error_body.words, also=())
    refusals = [
        InputRefused(
            call.upstream,
            f"{call.upstream.name} refused to {call.purpose}. {in_own_words(one.message, status)}",
            pointer=one.pointer,
        )
        for one in (error_body, *error_body.also)
    ]
    refusals[0].also = tuple(refusals[1:])
    return refusals[0]


def _retry_after(call: Call, answer: Answer) -> float | None:
    # When our own gate opens, if it holds calls back: no earlier try would be sent, whatever the upstream asks for.
    if call.held_back is not None and answer.status in {429, 503}:
        return call.held_back
    return retry_after_seconds(answer)


def retry_after_seconds(answer: Answer) -> float | None:
    """Return the seconds from now that `Retry-After` asks to wait; None if it is absent or makes no sense."""
    return delay_seconds(answer.headers.get("retry-after"), answer.headers.get("date"))


def in_own_words(words: str | None, status: int) -> str:
    """Return the sentence that quotes an upstream; its HTTP status where it gave no reason.

    Args:
        words: What it says.
        status: The status of its answer.
    """
    return f"It says: {without_hosts(words)}" if words else f"It gives no reason (HTTP {status})."


def _credentials_refused(call: Call, status: int) -> str:
    return (
        f"{call.upstream.name} was asked to {call.purpose}, and refused the gateway's credentials (HTTP {status}); its "
        "operator checks them with `gateway check`."
    )


_WORDS: Final = re.compile(rb"\s*[A-Za-z][A-Za-z ,.!_-]{0,60}\s*")
"""A few plain words, such as `OK`."""

_FAILURES: Final = ("error", "fail", "internal", "invalid", "denied", "forbidden", "conflict", "unauthori", "not_found")
"""Parts of words that only codes of errors hold."""


def whole_or_none(decoder: msgspec.json.Decoder[Record], call: Call, answer: Answer) -> Record | None:
    """Return the record that a change was answered with; None if the change was made and the answer lacks the record.

    The caller reads the record itself where this is None: the body may be empty, `OK` or an undocumented code.

    Raises:
        UpstreamBadAnswer: the body is an error under a status of success, so that the outcome is unknown.
    """
    if not answer.body.strip():
        return None
    try:
        return decode(decoder, call, answer)
    except UpstreamBadAnswer:
        if _is_an_error(answer.body):
            raise
        return None


def _is_an_error(body: bytes) -> bool:
    """Return whether a body has a form in which APIs write errors, or none that confirms a change."""
    try:
        said = parsed(body)
    except UnreadableError:
        # A few plain words confirm a change (`OK`); HTML and JSON that is cut off do not.
        return not _WORDS.fullmatch(body)
    if isinstance(said, str):
        return not _WORDS.fullmatch(said.encode(errors="replace"))
    if not isinstance(said, dict):
        return said is not True
    return bool(said.get("errors") or said.get("error")) or names_a_failure(str(said.get("code", "")))


def names_a_failure(code: str) -> bool:
    """Return whether a code is one of an error; any other is taken for another word for success."""
    return any(word in code.lower() for word in _FAILURES)
