"""Unreadable records: as items of a list, each fails by itself and the others are served."""

import asyncio
from collections.abc import Sequence
from typing import TypeVar, cast

from resolvers.errors import UpstreamBadAnswer
from resolvers.later import failed
from resolvers.upstreams.deliveries.records import Delivery
from resolvers.upstreams.lenient import UnreadableRecord
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.sms.records import Recipient

Record = TypeVar("Record")


def readable(records: Sequence[Record]) -> list[Record]:
    """Return the records that could be decoded."""
    # By the set of classes, which is built in C: nearly always no record is unreadable.
    if UnreadableRecord not in set(map(type, records)):
        return list(records)
    return [record for record in records if not isinstance(record, UnreadableRecord)]


def read_ones(nodes: Sequence[Record]) -> list[Record]:
    """Return the items of `as_nodes` that are records."""
    if not any(issubclass(one, asyncio.Future) for one in set(map(type, nodes))):
        return list(nodes)
    return [node for node in nodes if not isinstance(node, asyncio.Future)]


def own_id_of(record: Delivery) -> str | None:
    """Return a delivery's own id; None where the id is unreadable too."""
    return record.own_id if isinstance(record, UnreadableRecord) else record.send_task_id


def only_one_named(records: Sequence[Delivery], own_id: str) -> Delivery | None:
    """Return the delivery that was requested by its id; None where it is not in the answer.

    Args:
        records: The records of the answer.
        own_id: The upstream's own id that was requested.
    """
    # A single record without an id is taken for the requested one.
    if len(records) == 1 and own_id_of(records[0]) is None:
        return cast("Delivery", UnreadableRecord(own_id, "it has no id"))
    return next((one for one in records if own_id_of(one) == own_id), None)


def as_nodes(upstream: UpstreamName, records: Sequence[Record]) -> Sequence[Record]:
    """Return the records as items of a list, with a failed future in the place of each unreadable record.

    Args:
        upstream: The upstream that served them.
        records: The records as they were decoded.
    """
    if UnreadableRecord not in set(map(type, records)):
        return records
    return [
        cast("Record", failed(bad_answer(upstream, record))) if isinstance(record, UnreadableRecord) else record
        for record in records
    ]


def bad_answer(upstream: UpstreamName, record: UnreadableRecord) -> UpstreamBadAnswer:
    """Return the error for an unreadable record.

    Args:
        upstream: The upstream that served it.
        record: The unreadable record.
    """
    name = "a record" if record.own_id is None else f"record {record.own_id}"
    return UpstreamBadAnswer(
        upstream, f"{upstream.name} answered {name} with something else than its documents say: {record.reason}"
    )


def recipient_in(recipients: Sequence[Recipient], sms_id: str) -> Recipient | None:
    """Return one of a job's recipients; None where there is none with this id.

    Raises:
        UpstreamBadAnswer: It is unreadable, or it may be one that is unreadable and has no id.
    """
    nameless: UnreadableRecord | None = None
    for recipient in recipients:
        if isinstance(recipient, UnreadableRecord):
            if recipient.own_id == sms_id:
                raise bad_answer(UpstreamName.SMS, recipient)
            if recipient.own_id is None:
                nameless = recipient
        # An unreadable one without an id could be any, so it counts only if no other has the id.
        elif recipient.sms_id == sms_id:
            return recipient
    if nameless is not None:
        raise bad_answer(UpstreamName.SMS, nameless)
    return None
