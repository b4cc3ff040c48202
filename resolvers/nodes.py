"""Anything by its global ID."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from resolvers.context import Context
from resolvers.errors import BadInput, GatewayError
from resolvers.ids import require_global_id
from resolvers.later import Later, failed
from resolvers.record_kinds import DELIVERY, IDENTIFICATION, JOB, ORGANIZATION, PRODUCT, RECIPIENTS, TASK
from resolvers.unreadable import recipient_in
from resolvers.upstreams.sms.records import Recipient

MAX_REFUSED_IDS: Final = 100
"""Told of one list, each with an error of its own: whoever sends more of them gets no answer many times as long."""


def node(context: Context, id: str) -> Awaitable[object | None]:  # noqa: A002 - the contract's name
    """The thing with a global ID; None where there is none.

    Raises:
        BadInput: the id is no global ID.
    """
    return node_of(context, *require_global_id(id, ("id",)))


def nodes(context: Context, ids: Sequence[str]) -> list[Awaitable[object | None]]:
    """The things with these global IDs, in that order; each that cannot be read fails on its own.

    Raises:
        BadInput: there are too many that are no global IDs.
    """
    items: list[Awaitable[object | None]] = []
    refused = 0
    for number, one in enumerate(ids):
        try:
            items.append(node_of(context, *require_global_id(one, ("ids", number))))
        except BadInput as error:
            refused += 1
            if refused > MAX_REFUSED_IDS:
                raise BadInput(f"Over {MAX_REFUSED_IDS} of these are no ids. {error.message}", path=["ids"]) from error
            items.append(failed(error))
        except GatewayError as error:
            items.append(failed(error))
    return items


def node_of(context: Context, kind: str, local_id: str) -> Awaitable[object | None]:
    """The thing of a kind with the upstream's own id.

    Raises:
        Forbidden: the caller may not read things of that kind.
    """
    context.account.require_read(kind)
    return READERS[kind](context, local_id)


def _recipient(context: Context, local_id: str) -> Awaitable[Recipient | None]:
    """A recipient's own id is its job's and its own, parted by a slash: the API knows no other way to it."""
    job_id, _, sms_id = local_id.partition("/")

    return Later(context.loaders.of(RECIPIENTS).load(job_id), lambda found: recipient_in(found or (), sms_id))


READERS: Final[dict[str, Callable[[Context, str], Awaitable[object | None]]]] = {
    "Delivery": lambda context, local_id: context.loaders.of(DELIVERY).load(local_id),
    "Product": lambda context, local_id: context.loaders.of(PRODUCT).load(local_id),
    "DspUploadIdentification": lambda context, local_id: context.loaders.of(IDENTIFICATION).load(local_id),
    "SmsJob": lambda context, local_id: context.loaders.of(JOB).load(local_id),
    "Recipient": _recipient,
    "LogisticsTask": lambda context, local_id: context.loaders.of(TASK).load(local_id),
    "Organization": lambda context, local_id: context.loaders.of(ORGANIZATION).load(local_id),
}
