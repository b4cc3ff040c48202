"""Step 4: what the fields do."""

from collections.abc import Awaitable

from resolvers.context import Context
from tests.scenarios.fourth_upstream.notes.client import NOTES
from tests.scenarios.fourth_upstream.notes.kinds import NOTE
from tests.scenarios.fourth_upstream.notes.records import Note


def note(context: Context, note_id: str) -> Awaitable[Note | None]:
    """Return one note; None where there is none."""
    context.account.require_read(NOTES)
    return context.loaders.of(NOTE).load(note_id)
