"""What the kernel knows of a connection that the event loop has not been told yet."""

import select
import socket
import ssl
import termios
from array import array
from fcntl import ioctl
from typing import Final

AT_ONCE: Final = 0


class SocketState:
    """Inspects the socket of one connection; connection lifetime.

    Args:
        connected: A connected TCP socket.

    Attributes:
        poll: Called with `AT_ONCE`, it answers something true if anything came that was not read yet, the end included.
    """

    __slots__ = ("_descriptor", "_unacknowledged", "poll")

    def __init__(self, connected: socket.socket) -> None:
        self._descriptor = connected.fileno()
        self._unacknowledged = array("i", [0])
        poller = select.poll()
        poller.register(self._descriptor, select.POLLIN)
        self.poll = poller.poll

    def unacknowledged(self) -> int:
        """How many bytes were sent that the other side's kernel is not known to have; 0 where that cannot be told.

        Every segment acknowledges what had arrived when it was sent (RFC 9293, section 3.4): what is read while the
        whole of a request is unacknowledged was sent before the request arrived.
        """
        try:
            ioctl(self._descriptor, termios.TIOCOUTQ, self._unacknowledged, True)
        except OSError:
            return 0
        return self._unacknowledged[0]


def is_end_true(tls: ssl.SSLObject | None) -> bool:
    """Whether the other side ended its stream, and nobody between who cut the connection (RFC 9112, section 9.8).

    Args:
        tls: What encrypts a connection at whose end there is nothing left to read; None where nothing does.
    """
    try:
        return tls is None or tls.read(1) == b""
    except ssl.SSLError:
        return False
