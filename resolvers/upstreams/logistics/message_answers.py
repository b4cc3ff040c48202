"""How an answer is opened that is nothing but a message."""

from typing import Final

import msgspec

from resolvers.errors import UpstreamBadAnswer
from resolvers.upstreams.answers import decode
from resolvers.upstreams.call import Answer, Call


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
    said = decode(_MESSAGE, call, answer)
    if said.code == "success":
        return said.message
    raise UpstreamBadAnswer(
        call.upstream,
        f"{call.upstream.name} answered {call.operation} as done, with the error {said.code}: {said.message}",
        outcome_unknown=not call.repeatable,
    )
