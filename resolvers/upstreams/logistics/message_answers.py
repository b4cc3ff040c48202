"""How an answer is opened that is nothing but a message."""

from typing import Final

import msgspec

from resolvers.errors import UpstreamBadAnswer
from resolvers.upstreams.answers import decode
from resolvers.upstreams.call import Answer, Call
from resolvers.upstreams.partial_answers import whole_or_none


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
    """The message of a change that was made; None where it was made without a word.

    Raises:
        UpstreamBadAnswer: as for `message`, but that the message may be missing.
    """
    answered = whole_or_none(_MESSAGE, call, answer)
    return None if answered is None else _said(call, answered)


def _said(call: Call, answered: _Message) -> str:
    if answered.code == "success":
        return answered.message
    raise UpstreamBadAnswer(
        call.upstream,
        f"{call.upstream.name} answered {call.operation} as done, with the error {answered.code}: {answered.message}",
        outcome_unknown=not call.repeatable,
    )
