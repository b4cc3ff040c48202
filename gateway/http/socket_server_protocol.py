"""The server's side of one WebSocket: uvicorn's protocol, with bounds on the memory that a client can make it use.

Uvicorn answers every ping at once, so a client that sends pings and reads nothing would fill the server's write buffer
with pongs. Text messages need no such bound: the app sends one only after the previous one was written, and reads
nothing in the meantime.
"""

from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame

from gateway.http.server_protocol import COUNTS, ConnectionCounts

MAX_UNREAD_PINGS: Final = 100
"""How many pings are accepted from a client that does not read; honest clients send one every few seconds."""

MAX_FRAGMENTS: Final = 10_000
"""Per message: its bytes are bounded elsewhere, but empty fragments have none."""

CLOSE_SECONDS: Final = 1.0
"""How long a client that does not read may take to receive the close frame before the connection is cut."""


class BoundedWebSocketProtocol(WebSocketsSansIOProtocol):
    """Uvicorn's protocol with bounds; connection lifetime."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(*arguments, **options)
        self._unread_pings = 0
        self._owed_pong = b""

    def resume_writing(self) -> None:
        """Send the latest pong that was held back while the client did not read."""
        super().resume_writing()
        self._unread_pings = 0
        pong, self._owed_pong = self._owed_pong, b""
        if pong and not self.close_sent and not self.transport.is_closing():
            self.transport.write(pong)

    def handle_ping(self) -> None:
        """Answer a ping; of those that arrive while the client does not read, only the latest (RFC 6455, 5.5.3)."""
        if self.writable.is_set():
            super().handle_ping()
            return
        # The connection has queued the pong already: it is taken out here instead of being written.
        for frame in self.conn.data_to_send():
            self._owed_pong = frame
        self._unread_pings += 1
        if self._unread_pings == MAX_UNREAD_PINGS:
            self._end("unread", CloseCode.POLICY_VIOLATION, "Read what is sent: too many pings came meanwhile.")

    def handle_cont(self, event: Frame) -> None:
        """Accept a fragment of a message, unless it has too many."""
        if len(self.frames) < MAX_FRAGMENTS:
            super().handle_cont(event)
        elif not self.transport.is_closing():
            self._end("many_fragments", CloseCode.MESSAGE_TOO_BIG, "Send messages in fewer fragments.")

    def keepalive_timeout(self) -> None:
        """Close a connection whose client has not answered a ping, with a code after which clients reconnect."""
        self.pong_timer = None
        if self.close_sent or self.transport.is_closing():
            return
        self._end("no_pong", CloseCode.TRY_AGAIN_LATER, "Connect again: a ping was not answered in time.")

    def _end(self, reason: str, code: CloseCode, words: str) -> None:
        counts: ConnectionCounts = self.app_state.setdefault(COUNTS, ConnectionCounts())
        setattr(counts, reason, getattr(counts, reason) + 1)
        self._owed_pong = b""
        self.conn.fail(code, words)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.close()
        self._report_disconnect(code, words)
        # `close` waits until all is written, which a client that does not read prevents for ever.
        self.loop.call_later(CLOSE_SECONDS, self.transport.abort)

    def _report_disconnect(self, code: CloseCode, words: str) -> None:
        """Report the disconnect to the app now; its later messages are refused as after a client's disconnect."""
        self.close_sent = self.disconnected = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": words})
        self.writable.set()
