"""The two protocols of GraphQL over WebSocket: their messages and their differences.

graphql-transport-ws is the protocol of npm `graphql-ws`; the older one, whose name is graphql-ws, is that of npm
`subscriptions-transport-ws`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

import msgspec
import orjson

from gateway.subscriptions.responses import Response


class MessageKind(Enum):
    """The meaning of a client's message, independent of its name in a protocol."""

    INIT = "init"
    PING = "ping"
    PONG = "pong"
    START = "start"
    STOP = "stop"
    TERMINATE = "terminate"


class ClientMessage(msgspec.Struct):
    """A message from a client.

    Attributes:
        type: Its name in the protocol.
        id: The id of its operation.
        payload: The payload, not yet decoded.
    """

    type: str
    id: str | None = None
    payload: msgspec.Raw = msgspec.Raw(b"null")


@dataclass(frozen=True, slots=True)
class SocketProtocol:
    """One of the protocols.

    Attributes:
        name: The subprotocol's name in the handshake.
        kinds: The meaning of each type of client message.
        result: The type of a message with a response.
        keep_alive: The keep-alive message.
        refusal: Makes the payload of an `error` message from a response that has only errors.
        replaces: Whether a second operation with the same id replaces the first; otherwise it is an error.
        reinitializes: Whether a repeated `connection_init` renews the credentials; otherwise it is an error.
        reports_refused_init: Whether a `connection_error` message precedes the close after wrong credentials.
    """

    name: str
    kinds: Mapping[str, MessageKind]
    result: str
    keep_alive: str
    refusal: Callable[[bytes], bytes]
    replaces: bool
    reinitializes: bool
    reports_refused_init: bool

    def response(self, operation_id: bytes, response: Response) -> str:
        """Return the message with a response of an operation.

        Args:
            operation_id: The operation's id as JSON.
            response: The response.
        """
        kind, payload = self.result, response.body
        if response.refused:
            kind, payload = "error", self.refusal(response.body)
        # Put together as text, because the parts are JSON already.
        return f'{{"id":{operation_id.decode()},"type":"{kind}","payload":{payload.decode()}}}'


ACKNOWLEDGEMENT: Final = '{"type":"connection_ack"}'
PONG: Final = '{"type":"pong"}'


def completion(operation_id: bytes) -> str:
    """Return the message that an operation is complete.

    Args:
        operation_id: The operation's id as JSON.
    """
    return f'{{"id":{operation_id.decode()},"type":"complete"}}'


def refused_init(body: bytes) -> str:
    """Return the message that a `connection_init` is not accepted, in the protocol that has one.

    Args:
        body: A response that has only errors.
    """
    return f'{{"type":"connection_error","payload":{_first_of(body).decode()}}}'


def _all_of(body: bytes) -> bytes:
    # In this protocol the payload of `error` is the list itself.
    return orjson.dumps(orjson.loads(body)["errors"])


def _first_of(body: bytes) -> bytes:
    # The older protocol has room for one error; its client takes several from the key `errors`.
    errors = orjson.loads(body)["errors"]
    return orjson.dumps({**errors[0], "errors": errors})


TRANSPORT_WS: Final = SocketProtocol(
    name="graphql-transport-ws",
    kinds=MappingProxyType(
        {
            "connection_init": MessageKind.INIT,
            "ping": MessageKind.PING,
            "pong": MessageKind.PONG,
            "subscribe": MessageKind.START,
            "complete": MessageKind.STOP,
        }
    ),
    result="next",
    keep_alive='{"type":"ping"}',
    refusal=_all_of,
    replaces=False,
    reinitializes=False,
    reports_refused_init=False,
)
LEGACY_WS: Final = SocketProtocol(
    name="graphql-ws",
    kinds=MappingProxyType(
        {
            "connection_init": MessageKind.INIT,
            "start": MessageKind.START,
            "stop": MessageKind.STOP,
            "connection_terminate": MessageKind.TERMINATE,
        }
    ),
    result="data",
    keep_alive='{"type":"ka"}',
    refusal=_first_of,
    # This and the next as the server of its npm package has it.
    replaces=True,
    reinitializes=True,
    reports_refused_init=True,
)
PROTOCOLS: Final = MappingProxyType({protocol.name: protocol for protocol in (TRANSPORT_WS, LEGACY_WS)})
"""The protocols by name, in the order of preference."""
