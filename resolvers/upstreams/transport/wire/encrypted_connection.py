"""A connection that reads into a buffer of ours, because TLS reads in a costly way into one of its own.

For each read, the event loop's TLS allocates 256 KiB and shrinks that to what came. The C library may ask the kernel
for so much each time, and give it back: that made a call cost 47 us of CPU instead of 27, in some processes and not in
others (glibc decides by what was freed before).
"""

import asyncio
from typing import Final

from resolvers.upstreams.transport.wire.connection import Closed, Released, WireConnection

READ_BYTES: Final = 64 * 1024


class EncryptedConnection(WireConnection, asyncio.BufferedProtocol):
    """A connection over TLS; lives until either side ends it.

    Args:
        account: Whose calls it carries; None where it ends with its first call.
        released: Called when an answer is complete and another exchange may follow.
        closed: Called when none can follow any more.
        buffer: What is read into. Connections of one event loop may share it, for nothing stays there.
    """

    __slots__ = ("_buffer",)

    def __init__(self, account: str | None, released: Released, closed: Closed, buffer: memoryview) -> None:
        super().__init__(account, released, closed)
        self._buffer = buffer

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - what TLS has at most
        """Lend the event loop what it reads into."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take what the event loop has read."""
        self.data_received(bytes(self._buffer[:nbytes]))
