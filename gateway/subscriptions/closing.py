"""Why a WebSocket is closed: the codes of the protocols, and our own reasons."""

from typing import Final

_MAX_REASON_BYTES: Final = 123
"""RFC 6455, 5.5: a control frame has at most 125 bytes, and the code takes two."""


class Closing(Exception):
    """The connection is to be closed; raised wherever a message shows it.

    Args:
        code: What the client's software is told.
        reason: What its developer is told; cut where a close frame has no room for more.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason.encode()[:_MAX_REASON_BYTES].decode(errors="ignore")


def terminated() -> Closing:
    """The client said goodbye."""
    return Closing(1000, "Goodbye")


def broken() -> Closing:
    """Something went wrong inside the gateway."""
    return Closing(1011, "Internal error")


def restarting() -> Closing:
    """The process ends; another takes over."""
    return Closing(1012, "The gateway restarts; connect again, with the last cursor as `after`")


def try_again_later(reason: str) -> Closing:
    """Not now."""
    return Closing(1013, reason)


def invalid_message(reason: str) -> Closing:
    """The message is none of the protocol."""
    return Closing(4400, reason)


def unacknowledged() -> Closing:
    """An operation came before `connection_init` was accepted."""
    return Closing(4401, "Unauthorized: send connection_init and await connection_ack first")


def forbidden(reason: str) -> Closing:
    """The caller's proof is missing, wrong, or ran out."""
    return Closing(4403, f"Forbidden: {reason}")


def no_subprotocol() -> Closing:
    """The client speaks none of the protocols."""
    return Closing(4406, "Subprotocol not acceptable: offer graphql-transport-ws or graphql-ws")


def init_timeout() -> Closing:
    """`connection_init` did not come in time."""
    return Closing(4408, "Connection initialisation timeout")


def duplicate_operation(operation_id: str) -> Closing:
    """There is an operation under that id already."""
    return Closing(4409, f"Subscriber for {operation_id} already exists")


def initialized_twice() -> Closing:
    """`connection_init` came again."""
    return Closing(4429, "Too many initialisation requests")
