"""How an answer is opened that is nothing but a message."""

from typing import Final

import msgspec

from resolvers.errors import UpstreamBadAnswer
from resolvers.upstreams.call import Answer, Call
from resolvers.upstreams.partial_answers import names_a_failure, whole_or_none


class _Message(msgspec.Struct, frozen=True):
    message: str
    code: str = "success"


_MESSAGE: Final = msgspec.json.Decoder(_Message)


def message(call: Call, answer: Answer) -> str | None:
    """The message of a change that has no record to be read; None where it was made without a word.

    Raises:
        UpstreamBadAnswer: it is an error under a status of success, or has a code other than `success`.
    """
    answered = whole_or_none(_MESSAGE, call, answer)
    if answered is not None and not _is_success(answered):
        raise _undone(call, answered)
    return None if answered is None else answered.message


def confirmation(call: Call, answer: Answer) -> str | None:
    """The message of a change that the vendor's own word says was made; None where another word says so, or none.

    Raises:
        UpstreamBadAnswer: it is an error under a status of success.
    """
    answered = whole_or_none(_MESSAGE, call, answer)
    if answered is None or _is_success(answered):
        return None if answered is None else answered.message
    if names_a_failure(answered.code):
        raise _undone(call, answered)
    return None


def _undone(call: Call, answered: _Message) -> UpstreamBadAnswer:
    return UpstreamBadAnswer(
        call.upstream,
        f"{call.upstream.name} answered {call.operation} as done, with the error {answered.code}: {answered.message}",
        outcome_unknown=not call.repeatable,
    )


def _is_success(answered: _Message) -> bool:
    return answered.code.strip().lower() == "success"
