"""The form of changes as entries of the stream in Redis."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

import msgspec

from resolvers.catalogue import record_types
from resolvers.events.changes import Change, Observation, RecordKey, TrackedRecord, upstream_moment
from resolvers.events.status_event import StatusEventSource
from resolvers.upstreams.names import Progress

UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, KeyError, ValueError)
"""What decoding raises for an entry that another release of the gateway has written."""

Entry = tuple[bytes, dict[bytes, bytes]]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class _Content(msgspec.Struct, array_like=True, frozen=True):
    """The content of an entry in the stream; the script adds the previous status."""

    identity: str
    kind: str
    local_id: str
    source: StatusEventSource
    occurred_at: datetime
    record: bytes


_CONTENT: Final = msgspec.msgpack.Decoder(_Content)


def encode_change(observation: Observation) -> bytes:
    """Encode an observation as the content of an entry."""
    key, moment = observation.key, upstream_moment(observation.record)
    content = _Content(
        key.identity,
        key.kind,
        key.local_id,
        observation.source,
        moment or observation.read_at,
        msgspec.json.encode(observation.record),
    )
    return msgspec.msgpack.encode(content)


def decode_change(entry: Entry) -> Change:
    """Return the change in an entry of the stream.

    Raises one of `UNREADABLE` if another release of the gateway has written the entry.
    """
    _, fields = entry
    found, previous_progress = _CONTENT.decode(fields[b"content"]), fields[b"progress"]
    return Change(
        position=position_of(entry),
        key=RecordKey(found.identity, found.kind, found.local_id),
        record=_decode_record(found.kind, found.record),
        source=found.source,
        occurred_at=found.occurred_at,
        previous_raw_status=fields[b"raw"].decode() if previous_progress else None,
        previous_progress=Progress(previous_progress.decode()) if previous_progress else None,
    )


def position_of(entry: Entry) -> int:
    """Return the position of an entry's change."""
    return int(entry[0].partition(b"-")[0])


def _decode_record(kind: str, body: bytes) -> TrackedRecord:
    record: TrackedRecord = _decoder(kind).decode(body)
    return record


@cache
def _decoder(kind: str) -> msgspec.json.Decoder[Any]:
    """Return the decoder of a type's records.

    Raises:
        KeyError: There is no such type, or its status cannot be followed.
    """
    tracked = record_types()[kind].tracked
    if tracked is None:
        raise KeyError(kind)
    return msgspec.json.Decoder(tracked)


def moment_number(record: TrackedRecord) -> int:
    """When the upstream last touched the record, in microseconds since 1970; 0 if it does not say."""
    moment = upstream_moment(record)
    return 0 if moment is None else (moment - _EPOCH) // timedelta(microseconds=1)
