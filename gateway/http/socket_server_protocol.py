"""The server's side of one WebSocket: uvicorn's protocol, with bounds on what a client may make it keep.

Uvicorn answers every ping at once, whether its client reads or not, so that a client that sends pings and reads nothing
makes it keep all the pongs. Texts need no such bound: the app sends the next one only once the one before has left,
and while it waits nothing more is read.
"""

from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame

from gateway.http.server_protocol import COUNTS, ConnectionCounts

MAX_UNREAD_PINGS: Final = 100
"""Pings from a client that does not read what it was sent; honest ones send one every few seconds."""

MAX_FRAGMENTS: Final = 10_000
"""Of one message: its bytes are bounded elsewhere, and empty fragments have none."""

FAREWELL_SECONDS: Final = 1.0
"""What a client that does not read has to take the close frame, before its connection is cut."""


class BoundedWebSocketProtocol(WebSocketsSansIOProtocol):
    """Uvicorn's protocol with bounds; connection lifetime."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(*arguments, **options)
        self._unread_pings = 0
        self._owed_pong = b""

    def resume_writing(self) -> None:
        """Send the latest pong that was kept while the client did not read."""
        super().resume_writing()
        self._unread_pings = 0
        pong, self._owed_pong = self._owed_pong, b""
        if pong and not self.close_sent and not self.transport.is_closing():
            self.transport.write(pong)

    def handle_ping(self) -> None:
        """Answer a ping; of those that come while the client does not read, the latest alone (RFC 6455, 5.5.3)."""
        if self.writable.is_set():
            super().handle_ping()
            return
        for frame in self.conn.data_to_send():
            self._owed_pong = frame
        self._unread_pings += 1
        if self._unread_pings == MAX_UNREAD_PINGS:
            self._end("unread", CloseCode.POLICY_VIOLATION, "Read what is sent: too many pings came meanwhile.")

    def handle_cont(self, event: Frame) -> None:
        """Take a fragment of a message, unless it has too many."""
        if len(self.frames) < MAX_FRAGMENTS:
            super().handle_cont(event)
        elif not self.transport.is_closing():
            self._end("many_fragments", CloseCode.MESSAGE_TOO_BIG, "Send messages in fewer fragments.")

    def keepalive_timeout(self) -> None:
        """End a connection whose client has not answered a ping: by a code after which clients connect again."""
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
        self._tell_app(code, words)
        self.loop.call_later(FAREWELL_SECONDS, self.transport.abort)

    def _tell_app(self, code: CloseCode, words: str) -> None:
        """Let the app end now: what it still sends is refused as to a client that is gone."""
        self.close_sent = self.disconnected = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": words})
        self.writable.set()
