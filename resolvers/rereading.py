"""Reads records after a change whose response does not hold them."""

from typing import Final, TypeVar

from resolvers.cache.kind import CachedKind
from resolvers.context import Context
from resolvers.errors import ChangeUnconfirmed, Conflicting, GatewayError, NotAllowedNow
from resolvers.events.interface import TrackedRecord
from resolvers.loading.loaders import RecordLoader
from resolvers.upstreams.names import UpstreamName

MAX_REREAD: Final = 200
"""Records that are read after one creation whose response has only their ids. Further ones are reported by id, so that
the creation of many stays within the limit of calls."""

Record = TypeVar("Record")
Tracked = TypeVar("Tracked", bound=TrackedRecord)


async def read_after_change(
    context: Context, kind: CachedKind[Record], noun: str, loader: RecordLoader[Record], record_id: str
) -> Record:
    """Read a record after it was changed.

    Args:
        context: The operation's context.
        kind: The kind of the record.
        noun: The record in error messages, such as `task`.
        loader: Reads the record; was invalidated by the change.
        record_id: The upstream's own id.

    Raises:
        ChangeUnconfirmed: The change was made, and the record cannot be read.
    """
    try:
        found = await loader.load(record_id)
    except GatewayError as error:
        raise ChangeUnconfirmed(
            kind.upstream,
            f"The change was made, but {noun} {record_id} could not be read afterwards; look at it before you send the "
            f"change again. {error.message}",
        ) from error
    if found is None:
        # An upstream may show a new record with a delay, so its absence must not stay in the cache.
        await context.forget(kind, [record_id])
        raise ChangeUnconfirmed(
            kind.upstream,
            f"The change was made, but there is no {noun} {record_id} to be read afterwards; look for it before you "
            "send the change again.",
        )
    return found


async def add_record(
    context: Context, refusal: Conflicting | NotAllowedNow, loader: RecordLoader[Tracked], record_id: str
) -> None:
    """Add the current record to the error of its change, where it can be read; raises nothing.

    Args:
        context: The operation's context.
        refusal: The error of the change.
        loader: Reads the record; was invalidated by the change.
        record_id: The upstream's own id.
    """
    # The loader was invalidated by the failed change, so this reads the record as it is now.
    since = context.status_version
    try:
        found = await loader.load(record_id)
    except GatewayError:
        # The refusal remains the outcome; the record only adds to it.
        return
    if found is not None:
        await context.publish_status(since, found)
        refusal.record = found
        if isinstance(refusal, NotAllowedNow):
            refusal.raw_status = found.raw_status


def not_read(upstream: UpstreamName, noun: str, record_id: str) -> ChangeUnconfirmed:
    """Return the error for a created record that is not read, being beyond `MAX_REREAD`.

    Args:
        upstream: The upstream that created it.
        noun: The record in the message, such as `task`.
        record_id: The upstream's own id.
    """
    return ChangeUnconfirmed(
        upstream,
        f"The {noun} {record_id} was created and not read afterwards: the upstream answered with ids alone, and "
        f"{MAX_REREAD} are read at once. Ask for it by its id; do not send it again.",
    )


def not_shown(upstream: UpstreamName, noun: str, record_id: str, found: object) -> ChangeUnconfirmed:
    """Return the error for a change that was accepted, and that the record does not show afterwards.

    Args:
        upstream: The upstream that accepted the change.
        noun: The record in the message, such as `task`.
        record_id: The upstream's own id.
        found: The record as read afterwards.
    """
    error = ChangeUnconfirmed(
        upstream,
        f"The change was accepted, but {noun} {record_id} does not show it; look at it again before you send the "
        "change again.",
    )
    error.record = found
    return error
