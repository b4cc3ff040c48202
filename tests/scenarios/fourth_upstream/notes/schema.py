"""Step 5: the GraphQL types, and the fields of Query with their prices."""

import strawberry

from resolvers.catalogue import local_id
from resolvers.selection import OperationInfo
from schema.nodes import Id, Trackable, is_record
from schema.prices import RecordById, priced
from tests.scenarios.fourth_upstream.notes import records, resolvers
from tests.scenarios.fourth_upstream.notes.kinds import NOTE_ID


@strawberry.type(description="A note about anything.")
class Note(Trackable):
    """A view of a note."""

    is_type_of = is_record(records.Note)

    text: str = strawberry.field(description="What it says.")


def _note(info: OperationInfo, note_id: Id) -> object:
    return resolvers.note(info.context, local_id(NOTE_ID, note_id, ("id",)))


@strawberry.type
class NotesQuery:
    """The fields that Query gets."""

    note = strawberry.field(
        resolver=_note,
        graphql_type=Note | None,
        description="One note; null where there is none.",
        metadata=priced(RecordById("Note")),
    )
