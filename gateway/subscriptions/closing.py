"""Why a WebSocket is closed: the codes of the protocols, and our own reasons, each with what to do first."""

from typing import Final

MAX_REASON_BYTES: Final = 123
"""RFC 6455, 5.5: a control frame has at most 125 bytes, and the code takes two."""

_CUT: Final = "…"


class Closing(Exception):
    """The connection is to be closed; raised wherever a message shows it.

    Args:
        code: What the client's software is told.
        reason: What its developer is told; cut where a close frame has no room for more, so what to do comes first.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = _fitting(reason)


def _fitting(reason: str) -> str:
    encoded = reason.encode(errors="replace")
    if len(encoded) > MAX_REASON_BYTES:
        return encoded[: MAX_REASON_BYTES - len(_CUT.encode())].decode(errors="ignore") + _CUT
    return encoded.decode()


def terminated() -> Closing:
    """The client said goodbye."""
    return Closing(1000, "Goodbye")


def broken() -> Closing:
    """Something went wrong inside the gateway; clients take this code as final, so whatever passes has another."""
    return Closing(1011, "Ask the gateway's operator to look: it met an error, which its log has by the X-Request-ID.")


def restarting() -> Closing:
    """The process ends; another takes over."""
    return Closing(1012, "Connect again, with the last cursor as `after`: this process of the gateway ends.")


def try_again_later(reason: str) -> Closing:
    """Not now.

    Args:
        reason: Says first what to do.
    """
    return Closing(1013, reason)


def invalid_message(reason: str) -> Closing:
    """The message is none of the protocol.

    Args:
        reason: Says first what to send instead.
    """
    return Closing(4400, reason)


def unacknowledged() -> Closing:
    """An operation came before `connection_init` was accepted."""
    return Closing(4401, "Send connection_init and await connection_ack before any operation.")


def forbidden(reason: str) -> Closing:
    """The caller's proof is missing or wrong.

    Args:
        reason: Says first what to send instead.
    """
    return Closing(4403, reason)


def expired() -> Closing:
    """The caller's proof ran out."""
    return Closing(
        4403, "Connect again with a new token, or send one in time on the open connection: this one ran out."
    )


def no_subprotocol() -> Closing:
    """The client speaks none of the protocols."""
    return Closing(4406, "Offer the subprotocol graphql-transport-ws or graphql-ws: none of those offered is served.")


def init_timeout() -> Closing:
    """`connection_init` did not come in time."""
    return Closing(4408, "Send connection_init at once: Connection initialisation timeout")


def duplicate_operation(operation_id: str) -> Closing:
    """There is an operation under that id already."""
    return Closing(4409, f"Choose another id: Subscriber for {operation_id} already exists")


def initialized_twice() -> Closing:
    """`connection_init` came again."""
    return Closing(4429, "Send connection_init once: Too many initialisation requests")
