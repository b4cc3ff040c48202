"""Step 3: how the records are fetched and kept, and their entry in the catalogue."""

from typing import Final

from resolvers.accounts import Account
from resolvers.cache.kind import CachedKind, by_state
from resolvers.catalogue import RecordType
from resolvers.ids import number_form
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.operations import Operation
from tests.scenarios.fourth_upstream.notes.client import NOTES, NotesClient
from tests.scenarios.fourth_upstream.notes.records import Note

NOTE_ID: Final = number_form("Note", "7")


async def _note(account: Account, scope: CallScope, note_id: str) -> Note | None:
    return await account.client(NOTES, NotesClient).note(scope, note_id)


NOTE: Final = CachedKind[Note](
    "note", Note, NOTES, by_state, fetch=_note, operation=Operation(NOTES, "note"), path="/notes/{id}"
)
NOTE_TYPE: Final = RecordType(NOTE_ID, NOTE, tracked=Note)
