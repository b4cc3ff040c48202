"""What an operation over a connection that stays open gives out, one after the other."""

import msgspec


class Response(msgspec.Struct, frozen=True, gc=False):
    """One response of an operation; a value.

    Attributes:
        body: The complete GraphQL response as JSON in UTF-8.
        cursor: Where a subscription can be taken up again after it; from the event itself, selected or not.
        refused: It is the last, and says only why nothing was executed or why the source broke.
        whole: It has no error, and nothing that is meant for one client alone.
    """

    body: bytes
    cursor: str | None = None
    refused: bool = False
    whole: bool = False
