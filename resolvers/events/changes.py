"""The facts of the event log: which record, what a read observed of it, what changed."""

from datetime import datetime
from typing import NamedTuple

import msgspec

from resolvers.events.boards import Board
from resolvers.events.interface import StatusEventSource, TrackedRecord
from resolvers.ids import global_id
from resolvers.upstreams.names import Progress


class RecordKey(NamedTuple):
    """Names a record as one account sees it; events are never shared between accounts.

    Args:
        identity: The name of the account's credentials.
        kind: The record's type, as in its global ID.
        local_id: The upstream's own id.
    """

    identity: str
    kind: str
    local_id: str

    @property
    def global_id(self) -> str:
        """The global ID, by which clients name the record."""
        return global_id(self.kind, self.local_id)


class Observation(msgspec.Struct, frozen=True, gc=False):
    """The status of a record as a read found it. Lifetime: until the log has compared it.

    Args:
        key: The record.
        record: The record as the upstream returned it.
        source: What caused the read.
        since: The log's version when the read began; a status that the log learnt after that may be newer than this.
        read_at: When the upstream's response arrived.
        confirmed: Whether an earlier read, begun no earlier than `since`, found the same status. The log then ignores
            the upstream's own dates, which are not reliable.
        noticed_at: When the webhook, poll or mutation began that led to the read, in seconds since 1970.
    """

    key: RecordKey
    record: TrackedRecord
    source: StatusEventSource
    since: int
    read_at: datetime
    confirmed: bool = False
    noticed_at: float = 0.0

    @property
    def announces(self) -> bool:
        """Whether the first status that the log learns of the record is a change."""
        # A webhook implies a change. Of a board, later changes are compared with the first one.
        return self.source is StatusEventSource.WEBHOOK or isinstance(self.record, Board)

    def has_status_of(self, other: "Observation") -> bool:
        """Return whether both reads found the same status."""
        # By both: the progress of a recipient also follows from the detail beside its raw status.
        mine, theirs = self.record, other.record
        return mine.raw_status == theirs.raw_status and mine.progress is theirs.progress


class RecordRead(msgspec.Struct, frozen=True, gc=False):
    """The result of a read that the log has compared.

    Args:
        record: The record as the upstream returned it.
        position: The position of the record's last change in the log, which led to this status; 0 if there is none.
        changed: Whether this read found a change.
    """

    record: TrackedRecord
    position: int
    changed: bool


class Change(msgspec.Struct, frozen=True, gc=False):
    """A change of a record's status. Lifetime: as long as the log keeps it.

    Args:
        position: The change's position in the log; positions increase, with gaps.
        key: The record.
        record: The record after the change.
        source: How the gateway learnt of the change.
        occurred_at: When the upstream dates the change, or else when the gateway read it.
        previous_raw_status: The upstream's word for the status before; None if the log knew none.
        previous_progress: The status before, in the words of all upstreams; None if the log knew none.
        noticed_at: When what led to the read began, as in the observation; 0 if it is not known.
    """

    position: int
    key: RecordKey
    record: TrackedRecord
    source: StatusEventSource
    occurred_at: datetime
    previous_raw_status: str | None = None
    previous_progress: Progress | None = None
    noticed_at: float = 0.0

    def merged_with(self, older: "Change") -> "Change":
        """Return one change that stands for an older change of the same record and this one."""
        return msgspec.structs.replace(
            self, previous_raw_status=older.previous_raw_status, previous_progress=older.previous_progress
        )


def key_of(identity: str, record: TrackedRecord) -> RecordKey:
    """Return the key of a record that was read with the credentials of this identity."""
    kind, _, local_id = record.id.partition(":")
    return RecordKey(identity, kind, local_id)


def upstream_time(record: TrackedRecord) -> datetime | None:
    """Return when the record last changed by the upstream's own dates; None if it has none."""
    # Deliveries and tasks have `updated_at`; SMS jobs and their recipients are dated only when they end.
    changed_at: datetime | None = getattr(record, "updated_at", None) or getattr(record, "finished_at", None)
    return changed_at
