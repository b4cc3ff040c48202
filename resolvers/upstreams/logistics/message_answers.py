"""How an answer is opened that is nothing but a message."""

from typing import Final

import msgspec

from resolvers.errors import UpstreamBadAnswer
from resolvers.upstreams.answers import decode
from resolvers.upstreams.call import Answer, Call
from resolvers.upstreams.partial_answers import names_a_failure, whole_or_none


class _Message(msgspec.Struct, frozen=True):
    message: str
    code: str = "success"


_MESSAGE: Final = msgspec.json.Decoder(_Message)


def message(call: Call, answer: Answer) -> str:
    """The message of a success.

    Raises:
        UpstreamBadAnswer: it is none, or the vendor's form of an error (a code other than `success`) under a status of
            success.
    """
    return _said(call, decode(_MESSAGE, call, answer))


def message_or_none(call: Call, answer: Answer) -> str | None:
    """The message of a change that was made; None where it was made without a word, or with one that is not known.

    Raises:
        UpstreamBadAnswer: it is an error under a status of success.
    """
    answered = whole_or_none(_MESSAGE, call, answer)
    if answered is None or not (_is_success(answered) or names_a_failure(answered.code)):
        return None
    return _said(call, answered)


def _said(call: Call, answered: _Message) -> str:
    if _is_success(answered):
        return answered.message
    raise UpstreamBadAnswer(
        call.upstream,
        f"{call.upstream.name} answered {call.operation} as done, with the error {answered.code}: {answered.message}",
        outcome_unknown=not call.repeatable,
    )


def _is_success(answered: _Message) -> bool:
    return answered.code.strip().lower() == "success"
