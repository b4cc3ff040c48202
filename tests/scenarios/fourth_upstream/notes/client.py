"""Step 1: the upstream's name, and a client with one method for each operation."""

from typing import Final

import msgspec

from resolvers.upstreams.answers import decode, require_success
from resolvers.upstreams.call import Call, CallScope, Transport
from resolvers.upstreams.encoding import path_segment
from resolvers.upstreams.error_body import read_error_body
from resolvers.upstreams.names import UpstreamName
from tests.scenarios.fourth_upstream.notes.records import Note

NOTES: Final = UpstreamName("NOTES", "Notes about anything.")

_NOTE: Final = msgspec.json.Decoder(Note)


class NotesClient:
    """Asks the API for notes; process lifetime, one for each account."""

    def __init__(self, transport: Transport, base_url: str) -> None:
        self._transport = transport
        self._base_url = base_url

    async def note(self, scope: CallScope, note_id: str) -> Note | None:
        """Return one note; None where there is none."""
        url = f"{self._base_url}/notes/{path_segment(note_id)}"
        call = Call(NOTES, "note", "GET", url, scope.deadline, traces=scope.traces, turn_by=scope.turn_by)
        answer = await self._transport.send(call)
        if answer.status == 404:
            return None
        require_success(call, answer, read_error_body)
        return decode(_NOTE, call, answer)
