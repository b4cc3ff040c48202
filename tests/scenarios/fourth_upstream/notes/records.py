"""Step 2: the records as the API answers them."""

import msgspec

from resolvers.ids import global_id
from resolvers.upstreams.names import Progress


class Note(msgspec.Struct, frozen=True):
    """One note."""

    note_id: str
    text: str
    done: bool = False

    @property
    def id(self) -> str:
        """The global id."""
        return global_id("Note", self.note_id)

    @property
    def raw_status(self) -> str:
        """Where it stands, in the upstream's word."""
        return "done" if self.done else "open"

    @property
    def progress(self) -> Progress:
        """Where it stands, in the vocabulary of all upstreams."""
        return Progress.SUCCEEDED if self.done else Progress.IN_PROGRESS

    @property
    def final(self) -> bool:
        """Whether no further change will come."""
        return self.done
