"""How responses stand in the body of a streamed HTTP answer: as server-sent events, or as parts of a multipart."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.subscriptions.response import Response

_FIELD_END: Final = b"\n"


@dataclass(frozen=True, slots=True)
class Framing:
    """One way to put responses into a body; a constant.

    Attributes:
        content_type: Of the answer.
        opening: Sent at once, so that the client knows that it is heard.
        part: The bytes of one response.
        keep_alive: The sign of life.
        completion: Sent once the operation is over. An answer that ends without it was cut off, and a client that sees
            that connects again.
    """

    content_type: bytes
    opening: bytes
    part: Callable[[Response], bytes]
    keep_alive: bytes
    completion: bytes


def _event(response: Response) -> bytes:
    place = b"" if response.cursor is None else b"id: " + response.cursor.encode() + _FIELD_END
    # JSON as we write it has no line breaks, which an event's data could not hold.
    return b"event: next\n" + place + b"data: " + response.body + b"\n\n"


def _part(response: Response) -> bytes:
    return _json_part(b'{"payload":' + response.body + b"}")


def _json_part(body: bytes) -> bytes:
    # The delimiter after a part is sent with it: until it comes, a client cannot know that the part is complete.
    return b"\r\ncontent-type: application/json\r\n\r\n" + body + b"\r\n--graphql"


SERVER_SENT_EVENTS: Final = Framing(
    content_type=b"text/event-stream; charset=utf-8",
    opening=b":\n\n",
    part=_event,
    keep_alive=b":\n\n",
    # Without the empty `data`, a browser would not give out the event.
    completion=b"event: complete\ndata:\n\n",
)
"""GraphQL over SSE, distinct connections mode (npm `graphql-sse`), with the cursor as the event's id."""

MULTIPART_SUBSCRIPTION: Final = Framing(
    content_type=b'multipart/mixed; boundary="graphql"; subscriptionSpec=1.0',
    opening=b"\r\n--graphql",
    part=_part,
    keep_alive=_json_part(b"{}"),
    completion=b"--\r\n",
)
"""Apollo's multipart protocol for subscriptions over HTTP."""
