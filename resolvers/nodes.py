"""Anything by its global ID."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from resolvers.context import Context
from resolvers.errors import GatewayError
from resolvers.ids import split_global_id
from resolvers.later import Later
from resolvers.upstreams.sms.records import Recipient


def node(context: Context, id: str) -> Awaitable[object | None] | None:  # noqa: A002 - the contract's name
    """The thing with a global ID; None where there is none, or the id is none of ours."""
    found = split_global_id(id)
    return None if found is None else node_of(context, *found)


def nodes(context: Context, ids: Sequence[str]) -> list[Awaitable[object | None] | None]:
    """The things with these global IDs, in that order; each that cannot be read fails on its own."""
    return [_item(context, one) for one in ids]


def node_of(context: Context, kind: str, local_id: str) -> Awaitable[object | None]:
    """The thing of a kind with the upstream's own id.

    Raises:
        Forbidden: the caller may not read things of that kind.
    """
    context.account.require_read(kind)
    return READERS[kind](context, local_id)


def _item(context: Context, id: str) -> Awaitable[object | None] | None:  # noqa: A002 - the contract's name
    """An item of a list: what is wrong with it alone is for whoever awaits it."""
    found = split_global_id(id)
    if found is None:
        return None
    try:
        return node_of(context, *found)
    except GatewayError as error:
        failed: asyncio.Future[object | None] = asyncio.get_running_loop().create_future()
        failed.set_exception(error)
        # Whoever gives the list up awaits nothing of it, which is no error worth a log line.
        failed.exception()
        return failed


def _recipient(context: Context, local_id: str) -> Awaitable[Recipient | None]:
    """A recipient's own id is its job's and its own, parted by a slash: the API knows no other way to it."""
    job_id, _, sms_id = local_id.partition("/")

    def pick(found: list[Recipient] | None) -> Recipient | None:
        return next((recipient for recipient in found or () if recipient.sms_id == sms_id), None)

    return Later(context.loaders.recipients.load(job_id), pick)


READERS: Final[dict[str, Callable[[Context, str], Awaitable[object | None]]]] = {
    "Delivery": lambda context, local_id: context.loaders.deliveries.load(local_id),
    "Product": lambda context, local_id: context.loaders.products.load(local_id),
    "DspUploadIdentification": lambda context, local_id: context.loaders.identifications.load(local_id),
    "SmsJob": lambda context, local_id: context.loaders.jobs.load(local_id),
    "Recipient": _recipient,
    "LogisticsTask": lambda context, local_id: context.loaders.tasks.load(local_id),
    "Organization": lambda context, local_id: context.loaders.organizations.load(local_id),
}
