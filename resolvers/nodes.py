"""Anything by its global ID."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from resolvers.context import Context
from resolvers.ids import split_global_id
from resolvers.upstreams.sms.records import Recipient


async def node(context: Context, id: str) -> object | None:  # noqa: A002 - the contract's name
    """The thing with a global ID; None where there is none, or the id is none of ours."""
    found = split_global_id(id)
    return None if found is None else await node_of(context, *found)


async def nodes(context: Context, ids: Sequence[str]) -> list[object | None]:
    """The things with these global IDs, in that order; each that cannot be read fails on its own."""
    return [asyncio.ensure_future(node(context, one)) for one in ids]


async def node_of(context: Context, kind: str, local_id: str) -> object | None:
    """The thing of a kind with the upstream's own id.

    Raises:
        Forbidden: the caller may not read things of that kind.
    """
    context.account.require_read(kind)
    return await READERS[kind](context, local_id)


async def _delivery(context: Context, local_id: str) -> object | None:
    return await context.loaders.deliveries.load(local_id)


async def _product(context: Context, local_id: str) -> object | None:
    return await context.loaders.products.load(local_id)


async def _identification(context: Context, local_id: str) -> object | None:
    return await context.loaders.identifications.load(local_id)


async def _job(context: Context, local_id: str) -> object | None:
    return await context.loaders.jobs.load(local_id)


async def _recipient(context: Context, local_id: str) -> Recipient | None:
    """A recipient's own id is its job's and its own, parted by a slash: the API knows no other way to it."""
    job_id, _, sms_id = local_id.partition("/")
    found = await context.loaders.recipients.load(job_id)
    return next((recipient for recipient in found or () if recipient.sms_id == sms_id), None)


async def _task(context: Context, local_id: str) -> object | None:
    return await context.loaders.tasks.load(local_id)


async def _organization(context: Context, local_id: str) -> object | None:
    return await context.loaders.organizations.load(local_id)


READERS: Final[dict[str, Callable[[Context, str], Awaitable[object | None]]]] = {
    "Delivery": _delivery,
    "Product": _product,
    "DspUploadIdentification": _identification,
    "SmsJob": _job,
    "Recipient": _recipient,
    "LogisticsTask": _task,
    "Organization": _organization,
}
