"""Records that are read after a change, because its answer does not hold them."""

from typing import Final, TypeVar

from resolvers.cache.kind import CachedKind
from resolvers.context import Context
from resolvers.errors import ChangeUnconfirmed, Conflicting, GatewayError, NotAllowedNow
from resolvers.events.interface import TrackedRecord
from resolvers.loading.loaders import RecordLoader
from resolvers.upstreams.names import UpstreamName

MAX_REREAD: Final = 200
"""Records of one creation that are read afterwards where its answer names their ids alone; others are told by their id,
so that the creation of many costs no more calls than an operation may."""

Record = TypeVar("Record")
Tracked = TypeVar("Tracked", bound=TrackedRecord)


async def read_after_change(
    context: Context, kind: CachedKind[Record], noun: str, loader: RecordLoader[Record], record_id: str
) -> Record:
    """A record as it stands after a change that was made.

    Args:
        context: The operation's.
        kind: What was changed.
        noun: What the record is, such as `task`.
        loader: Reads it; has forgotten it since the change.
        record_id: The upstream's own id.

    Raises:
        ChangeUnconfirmed: it cannot be read; whatever the reason is, the change was made.
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
        # An upstream may take a moment to show what it has just created; that must not be remembered as missing.
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
    """Add the record as it stands to the refusal of its change; nothing is raised where it cannot be read.

    Args:
        context: The operation's.
        refusal: Of the change of one record.
        loader: Reads it; has forgotten it since the change.
        record_id: The upstream's own id.
    """
    since = context.status_version
    try:
        found = await loader.load(record_id)
    except GatewayError:
        return
    if found is not None:
        await context.tell_status(since, found)
        refusal.record = found
        if isinstance(refusal, NotAllowedNow):
            refusal.raw_status = found.raw_status


def not_read(upstream: UpstreamName, noun: str, record_id: str) -> ChangeUnconfirmed:
    """What is told of a record that was created beyond `MAX_REREAD`.

    Args:
        upstream: Who created it.
        noun: What the record is, such as `task`.
        record_id: The upstream's own id.
    """
    return ChangeUnconfirmed(
        upstream,
        f"The {noun} {record_id} was created and not read afterwards: the upstream answered with ids alone, and "
        f"{MAX_REREAD} are read at once. Ask for it by its id; do not send it again.",
    )


def not_shown(upstream: UpstreamName, noun: str, record_id: str, found: object) -> ChangeUnconfirmed:
    """What a change ends with that was accepted without the record, and that the record does not show afterwards.

    Args:
        upstream: Who accepted the change.
        noun: What the record is, such as `task`.
        record_id: The upstream's own id.
        found: The record.
    """
    error = ChangeUnconfirmed(
        upstream,
        f"The change was accepted, but {noun} {record_id} does not show it; look at it again before you send the "
        "change again.",
    )
    error.record = found
    return error
