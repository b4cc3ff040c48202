"""How changes and the keys of records are written in Redis."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

import msgspec

from resolvers.events.changes import (
    TRACKABLE,
    Change,
    Observation,
    RecordKey,
    TrackedRecord,
    upstream_moment,
)
from resolvers.events.status_event import StatusEventSource
from resolvers.upstreams.names import Progress

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DECODERS: Final[dict[str, msgspec.json.Decoder[Any]]] = {
    kind: msgspec.json.Decoder(record) for kind, record in TRACKABLE.items()
}


class _Content(msgspec.Struct, array_like=True, frozen=True):
    """What an entry of the stream says of a change, but for what only the script knows."""

    identity: str
    kind: str
    local_id: str
    source: StatusEventSource
    occurred_at: datetime
    record: bytes


_CONTENT: Final = msgspec.msgpack.Decoder(_Content)


def key_text(key: RecordKey) -> str:
    """A record's key as part of a Redis key; the separator is in no quoted identity."""
    return f"{quote(key.identity, safe=':')}|{key.global_id}"


def encode_change(observation: Observation) -> bytes:
    """What an observation becomes in the stream."""
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


def decode_change(position: int, content: bytes, previous_raw_status: bytes, previous_progress: bytes) -> Change:
    """A change out of an entry of the stream."""
    found = _CONTENT.decode(content)
    known = bool(previous_progress)
    return Change(
        position=position,
        key=RecordKey(found.identity, found.kind, found.local_id),
        record=decode_record(found.kind, found.record),
        source=found.source,
        occurred_at=found.occurred_at,
        previous_raw_status=previous_raw_status.decode() if known else None,
        previous_progress=Progress(previous_progress.decode()) if known else None,
    )


def decode_record(kind: str, body: bytes) -> TrackedRecord:
    """A record as `msgspec.json.encode` wrote it."""
    record: TrackedRecord = _DECODERS[kind].decode(body)
    return record


def moment_number(record: TrackedRecord) -> int:
    """When the upstream last touched the record, in microseconds since 1970; 0 where it does not say."""
    moment = upstream_moment(record)
    return 0 if moment is None else (moment - _EPOCH) // timedelta(microseconds=1)
