"""The two protocols of GraphQL over WebSocket: their messages, and the few things in which they differ.

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

from gateway.subscriptions.response import Response


class MessageKind(Enum):
    """What a client's message is for, whatever the protocol calls it."""

    INIT = "init"
    PING = "ping"
    PONG = "pong"
    START = "start"
    STOP = "stop"
    TERMINATE = "terminate"


class ClientMessage(msgspec.Struct):
    """A message from a client; lives until it is handled.

    Attributes:
        type: The protocol's word for what it is for.
        id: Of the operation that it is about.
        payload: Not yet decoded.
    """

    type: str
    id: str | None = None
    payload: msgspec.Raw = msgspec.Raw(b"null")


@dataclass(frozen=True, slots=True)
class SocketProtocol:
    """What a WebSocket says in one of the protocols; a constant.

    Attributes:
        name: The subprotocol's, as the handshake negotiates it.
        kinds: What a client's message may be called.
        result: What the message with a response is called.
        keep_alive: The sign of life.
        refusal: The payload of an `error` message, out of a response with errors alone.
        replaces: A second operation under an id takes the place of the first; otherwise it is a fault.
        reinitializes: `connection_init` may come again, with new proof of who the caller is; otherwise it is a fault.
        tells_refused_init: The client is sent the error that kept its `connection_init` from being accepted.
    """

    name: str
    kinds: Mapping[str, MessageKind]
    result: str
    keep_alive: str
    refusal: Callable[[bytes], bytes]
    replaces: bool
    reinitializes: bool
    tells_refused_init: bool

    def response(self, operation_id: bytes, response: Response) -> str:
        """The message with a response of an operation.

        Args:
            operation_id: As JSON.
            response: One of the operation's.
        """
        kind, payload = self.result, response.body
        if response.refused:
            kind, payload = "error", self.refusal(response.body)
        return f'{{"id":{operation_id.decode()},"type":"{kind}","payload":{payload.decode()}}}'


ACKNOWLEDGEMENT: Final = '{"type":"connection_ack"}'
PONG: Final = '{"type":"pong"}'


def completion(operation_id: bytes) -> str:
    """The message that an operation is over.

    Args:
        operation_id: As JSON.
    """
    return f'{{"id":{operation_id.decode()},"type":"complete"}}'


def refused_init(body: bytes) -> str:
    """The message that a `connection_init` is not accepted, in the protocol that has one.

    Args:
        body: A response with errors alone.
    """
    return f'{{"type":"connection_error","payload":{_first_of(body).decode()}}}'


def _all_of(body: bytes) -> bytes:
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
    tells_refused_init=False,
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
    replaces=True,
    reinitializes=True,
    tells_refused_init=True,
)
PROTOCOLS: Final = MappingProxyType({protocol.name: protocol for protocol in (TRANSPORT_WS, LEGACY_WS)})
"""By name, in the order of preference."""
