"""The facts of the event log: whose record, what was observed of it, what changed."""

from datetime import datetime
from typing import NamedTuple

import msgspec

from resolvers.events.interface import StatusEventSource, TrackedRecord
from resolvers.ids import global_id
from resolvers.upstreams.names import Progress


class RecordKey(NamedTuple):
    """One account's view of one record: two accounts never share an event.

    Args:
        identity: Names the credentials that read it.
        kind: As in its global ID.
        local_id: The upstream's own id.
    """

    identity: str
    kind: str
    local_id: str

    @property
    def global_id(self) -> str:
        """The id by which clients know it."""
        return global_id(self.kind, self.local_id)


class Observation(msgspec.Struct, frozen=True, gc=False):
    """A record as somebody has just read it; lives until the log has compared it.

    Args:
        key: Whose record.
        record: What the upstream said.
        source: What made somebody read it.
        since: The log's version when the reading began: whatever the log learnt later may be newer than this.
        read_at: When it was read.
        confirmed: An earlier read, which began no earlier than `since`, found the same status: the upstream's own
            dates count for nothing against that.
    """

    key: RecordKey
    record: TrackedRecord
    source: StatusEventSource
    since: int
    read_at: datetime
    confirmed: bool = False

    def has_status_of(self, other: "Observation") -> bool:
        """Whether both found the record in the same status."""
        mine, theirs = self.record, other.record
        return mine.raw_status == theirs.raw_status and mine.progress is theirs.progress


class Change(msgspec.Struct, frozen=True, gc=False):
    """A change of status as the log keeps it; lives as long as the log keeps it.

    Args:
        position: Its place in the log; counts up, with gaps.
        key: Whose record.
        record: As it was after the change.
        source: How the gateway learnt of it.
        occurred_at: When it happened, or when the gateway learnt of it.
        previous_raw_status: None where the log knew nothing of the record.
        previous_progress: None where the log knew nothing of the record.
    """

    position: int
    key: RecordKey
    record: TrackedRecord
    source: StatusEventSource
    occurred_at: datetime
    previous_raw_status: str | None = None
    previous_progress: Progress | None = None

    def folded_onto(self, older: "Change") -> "Change":
        """This change and an older one of the same record told as one."""
        return msgspec.structs.replace(
            self, previous_raw_status=older.previous_raw_status, previous_progress=older.previous_progress
        )


def key_of(identity: str, record: TrackedRecord) -> RecordKey:
    """The key of a record that was read with an account's credentials."""
    kind, _, local_id = record.id.partition(":")
    return RecordKey(identity, kind, local_id)


def upstream_moment(record: TrackedRecord) -> datetime | None:
    """When the upstream says that it last touched the record; None where it does not say."""
    moment: datetime | None = getattr(record, "updated_at", None) or getattr(record, "finished_at", None)
    return moment
