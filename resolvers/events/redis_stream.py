"""The stream of changes in Redis: the form of its entries, and the Lua scripts that compare and append atomically.

Versions count up in `meta.version`, and a change's version is its position and the id of its entry in the stream
(`<position>-0`). The first observation of a record takes a version too, so that a version noted before a read shows
whether the log has learnt a status of the record since.
"""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

import msgspec

from resolvers.catalogue import followed_type
from resolvers.events.changes import Change, Observation, RecordKey, upstream_time
from resolvers.events.interface import StatusEventSource, TrackedRecord
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
    # Last and with a default, because other releases read and write these entries as well.
    noticed_at: float = 0.0


_CONTENT: Final = msgspec.msgpack.Decoder(_Content)


def encode_change(observation: Observation) -> bytes:
    """Encode an observation as the content of an entry."""
    key, changed_at = observation.key, upstream_time(observation.record)
    content = _Content(
        key.identity,
        key.kind,
        key.local_id,
        observation.source,
        changed_at or observation.read_at,
        # JSON within MessagePack, because MessagePack would lose the offsets of times.
        msgspec.json.encode(observation.record),
        observation.noticed_at,
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
        noticed_at=found.noticed_at,
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
    # Looked up by name, because upstreams from outside of the packages add types.
    tracked = followed_type(kind).tracked
    if tracked is None:
        raise KeyError(kind)
    return msgspec.json.Decoder(tracked)


def upstream_microseconds(record: TrackedRecord) -> int:
    """Return when the record last changed by the upstream's own dates, in microseconds since 1970; 0 if it has none."""
    changed_at = upstream_time(record)
    # By integers: a float of this size would lose microseconds.
    return 0 if changed_at is None else (changed_at - _EPOCH) // timedelta(microseconds=1)


_TRIM: Final = """
local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function trim(meta, stream, keep_ms, max_events, most)
  local length = redis.call('XLEN', stream)
  -- Bounded, because Redis serves no other client while a script runs; later calls trim the rest.
  for _ = 1, most do
    local first = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
    if not first then return end
    if length <= max_events and tonumber(first[2][2]) + keep_ms >= now_ms() then return end
    redis.call('XDEL', stream, first[1])
    redis.call('HSET', meta, 'floor', string.match(first[1], '^%d+'))
    length = length - 1
  end
end
"""


_SUCCEED: Final = """
local function succeed(meta)
  local timeline = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
  local known = redis.call('HMGET', meta, 'timeline', 'epoch', 'version', 'floor')
  if not known[2] or known[1] == timeline then return end
  redis.call('HSET', meta, 'timeline', timeline)
  if not known[1] then return end
  -- Epochs whose last positions are no longer kept cannot be resumed.
  for _, field in ipairs(redis.call('HKEYS', meta)) do
    if string.sub(field, 1, 6) == 'ended:' and tonumber(redis.call('HGET', meta, field)) < tonumber(known[4]) then
      redis.call('HDEL', meta, field)
    end
  end
  redis.call('HSET', meta, 'ended:' .. known[2], known[3], 'epoch', string.sub(timeline, 1, 16))
end
"""
"""Begins a new epoch where another server has taken over, and notes the version that the last epoch has reached here.

Each master has a replication id of its own, by which a script knows that it runs on another one."""


BEGIN: Final = (
    _SUCCEED
    + """
local meta = KEYS[1]
if redis.call('HSETNX', meta, 'epoch', ARGV[1]) == 1 then
  redis.call('HSET', meta, 'version', 0, 'last', 0, 'floor', 0)
end
if ARGV[2] == '1' then succeed(meta) end
return redis.call('HMGET', meta, 'epoch', 'version', 'last', 'ended:' .. ARGV[3])
"""
)
"""KEYS: meta. ARGV: the epoch for a log that does not exist yet, whether another server may take over, the epoch that
the process knows. Returns epoch, version, last position, and the version at which the known epoch has ended, if any."""


OBSERVE: Final = (
    _TRIM
    + _SUCCEED
    + """
local meta, stream, state, history = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local since, raw, progress, moment, final = tonumber(ARGV[2]), ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6]
local quiet, content, keep_ms, max_events = ARGV[7] == '1', ARGV[8], tonumber(ARGV[9]), tonumber(ARGV[10])
local confirmed = ARGV[11] == '1'
if ARGV[12] == '1' then succeed(meta) end

local epoch = redis.call('HGET', meta, 'epoch')
if epoch ~= ARGV[1] then return {'OUTRUN', 0, 0, epoch or ''} end
local function answer(verdict, position)
  return {verdict, tonumber(position), tonumber(redis.call('HGET', meta, 'version')), epoch}
end

local known = redis.call('HMGET', state, 'raw', 'progress', 'moment', 'final', 'version', 'position')
-- The verdict, as in MemoryEventLog and is_late.
if known[1] then
  redis.call('PEXPIRE', state, keep_ms)
  if known[1] == raw and known[2] == progress then return answer('KNOWN', known[6]) end
  if tonumber(known[5]) > since then return answer('OUTRUN', known[6]) end
  local before = tonumber(known[3])
  local dated = moment > 0 and before > 0
  local dated_before = dated and moment < before
  local leaves_final = known[4] == '1' and final == '0' and not (dated and moment > before)
  if not confirmed and (dated_before or leaves_final) then return answer('LATE', known[6]) end
end

-- A first status takes a version too, so that an overlapping read of another status is OUTRUN.
local version = redis.call('HINCRBY', meta, 'version', 1)
local first = not known[1]
local position = version
if first and quiet then position = 0 end
redis.call('HSET', state, 'raw', raw, 'progress', progress, 'moment', ARGV[5], 'final', final,
  'version', version, 'position', position)
redis.call('PEXPIRE', state, keep_ms)
if position == 0 then return answer('KNOWN', 0) end

redis.call('XADD', stream, version .. '-0', 'at', now_ms(), 'content', content,
  'raw', known[1] or '', 'progress', known[2] or '')
redis.call('HSET', meta, 'last', version)
trim(meta, stream, keep_ms, max_events, 16)
redis.call('ZADD', history, version, version)
redis.call('ZREMRANGEBYSCORE', history, '-inf', redis.call('HGET', meta, 'floor'))
-- Longer than the changes, which are trimmed only when others are appended or read.
redis.call('PEXPIRE', history, keep_ms + 60000)
return answer('CHANGED', version)
"""
)
"""Refuses to append to a log of another epoch: a lost log must begin a new epoch, or subscriptions would miss the GAP.

KEYS: meta, stream, the record's state, the record's positions. ARGV: epoch, since, raw status, progress, moment,
final, whether a first observation is no event, content, milliseconds to keep, events to keep, whether another read
confirms it, whether another server may take over. Returns verdict, position, version, epoch."""


HISTORY: Final = (
    _TRIM
    + _SUCCEED
    + """
local meta, stream, epoch, after = KEYS[1], KEYS[2], ARGV[1], tonumber(ARGV[2])
if ARGV[5] == '1' then succeed(meta) end
trim(meta, stream, tonumber(ARGV[3]), tonumber(ARGV[4]), 10000)
local known = redis.call('HMGET', meta, 'epoch', 'last', 'floor', 'ended:' .. epoch)
-- Of an epoch that has ended, what it had reached when another server took over is still there.
local reached = known[1] == epoch and known[2] or known[4]
if not reached or after > tonumber(reached) or after < tonumber(known[3]) then return false end
local found = {}
for index = 3, #KEYS do
  for _, position in ipairs(redis.call('ZRANGEBYSCORE', KEYS[index], '(' .. ARGV[2], '+inf')) do
    local entry = redis.call('XRANGE', stream, position .. '-0', position .. '-0')[1]
    if not entry then return false end
    found[#found + 1] = entry
  end
end
return found
"""
)
"""KEYS: meta, stream, the positions of each record. ARGV: epoch, after, milliseconds to keep, events to keep, whether
another server may take over. Returns the entries, or nothing where some are lost."""
