"""Resolvers of one SMS job, its recipients and its subject, and the mutation that sends a job."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import msgspec
from strawberry import Parent

from resolvers.catalogue import RecordType, split_global_id
from resolvers.connections import Connection, PageRequest, offset_connection, offset_of
from resolvers.context import Context
from resolvers.errors import UpstreamError
from resolvers.idempotency.outcomes import Looked, Made, Request
from resolvers.idempotency.secrets import IdempotencyKey
from resolvers.idempotency.window import Window
from resolvers.ids import global_id
from resolvers.kinds.sms import JOB, RECIPIENTS, SMS_VERSION
from resolvers.later import Later
from resolvers.nodes import node_of
from resolvers.selection import OperationInfo, selected_below
from resolvers.settling.sms_jobs import MARKED, find_job, marked
from resolvers.sms.billing import billed_parts
from resolvers.unreadable import as_nodes, readable
from resolvers.upstreams.names import Progress, UpstreamName
from resolvers.upstreams.sms.records import JobReference, Recipient, SmsApiVersion, SmsJob
from resolvers.upstreams.sms.requests import JobOptions, JobRequest

MAX_RECIPIENTS: Final = 3000
"""The most recipients of one job, documented, and so the largest page of them."""

REGARDING_PREFIX: Final = "about "
"""Marks a job's customerRef as ours: `about Delivery:123`. Far below the 64 characters that the vendor recommends."""

# Recipients and their summary have a call of their own.
NEEDS_NO_REPORT: Final = frozenset({"id", "jobId", "recipients", "recipientSummary", "__typename"})


class RecipientSummary(msgspec.Struct, frozen=True):
    """The number of a job's recipients by progress. Lifetime: operation."""

    pending: int
    in_progress: int
    succeeded: int
    failed: int
    cancelled: int


def job(info: OperationInfo, job_id: str) -> Awaitable[SmsJob | None]:
    """Return one job by its report."""
    context = info.context
    context.account.require_read(UpstreamName.SMS)
    # Begun before their own resolver asks, so that both calls are in flight at the same time.
    if needs_recipients(selected_below(info)):
        context.loaders.of(RECIPIENTS).load(job_id)
    return context.loaders.of(JOB).load(job_id)


def needs_recipients(selected: frozenset[str]) -> bool:
    """Return whether a selection of a job needs the call for its recipients."""
    return "recipients" in selected or "recipientSummary" in selected


def recipients_of(context: Context, job_id: str, request: PageRequest) -> Awaitable[Connection[Recipient] | None]:
    """Return a page of a job's recipients; None if no data centre knows the job.

    Raises:
        BadInput: The cursor is not of this list.
    """
    context.account.require_read(UpstreamName.SMS)
    list_name = f"recipients of {job_id}"
    place = offset_of(list_name, request)
    # A partial and no inner function, because that one's annotations would be evaluated for each job of a page.
    page_of = partial(_page_of, list_name, request, None if place is None else place.index)
    return Later(context.loaders.of(RECIPIENTS).load(job_id), page_of)


def _page_of(
    list_name: str, request: PageRequest, index: int | None, found: list[Recipient] | None
) -> Connection[Recipient] | None:
    if found is None:
        return None
    if request.backwards:
        end = len(found) if index is None else min(index, len(found))
        start = max(0, end - request.size)
    else:
        start = 0 if index is None else index + 1
        end = min(len(found), start + request.size)
    page = as_nodes(UpstreamName.SMS, found[start:end])
    return offset_connection(list_name, start, page, has_next_page=end < len(found), total_count=len(found))


def recipient_summary(job: Parent[SmsJob | JobReference], info: OperationInfo) -> Awaitable[RecipientSummary | None]:
    """Return the number of a job's recipients by progress."""
    info.context.account.require_read(UpstreamName.SMS)
    return Later(info.context.loaders.of(RECIPIENTS).load(job.job_id), _summary_of)


def _summary_of(found: list[Recipient] | None) -> RecipientSummary | None:
    if found is None:
        return None
    counts = Counter(recipient.progress for recipient in readable(found))
    return RecipientSummary(
        pending=counts[Progress.PENDING],
        in_progress=counts[Progress.IN_PROGRESS],
        succeeded=counts[Progress.SUCCEEDED],
        failed=counts[Progress.FAILED],
        cancelled=counts[Progress.CANCELLED],
    )


def job_of_recipient(recipient: Parent[Recipient], info: OperationInfo) -> Awaitable[SmsJob | None]:
    """Return the job that a recipient belongs to."""
    return job(info, recipient.job_id)


def regarding(job: Parent[SmsJob], info: OperationInfo) -> Awaitable[object | None] | None:
    """Return the subject of a job, read with the caller's own credentials; None if it has none of ours."""
    found = _subject(job)
    return None if found is None else node_of(info.context, *found)


def reference_to(subject: str) -> str:
    """Return the customerRef of a job about the record with this global id."""
    return REGARDING_PREFIX + subject


def subject_of(job: SmsJob) -> str | None:
    """Return the global id of a job's subject; None if it has none of ours."""
    found = _subject(job)
    return None if found is None else global_id(found[0].name, found[1])


def _subject(job: SmsJob) -> tuple[RecordType, str] | None:
    reference = job.customer_ref or ""
    if not reference.startswith(REGARDING_PREFIX):
        return None
    # Behind it there may be the mark of an idempotency key.
    found = split_global_id(reference.removeprefix(REGARDING_PREFIX).partition(MARKED)[0])
    return found if found is not None and found[0].subject else None


def version(context: Context) -> Awaitable[SmsApiVersion | None]:
    """Return the version of the SMS API that its primary data centre runs."""
    context.account.require_read(UpstreamName.SMS)
    return context.loaders.of(SMS_VERSION).load("")


async def send(
    info: OperationInfo,
    request: JobRequest,
    regarding: tuple[RecordType, str] | None,
    key: IdempotencyKey | None = None,
) -> SmsJob:
    """Post a job and return it, by its report if the selection needs that.

    Args:
        info: The mutation's.
        request: The job.
        regarding: Record type and upstream's own id of the job's subject.
        key: Posts it once for all requests with this key.

    Raises:
        RateLimited: the caller's quota is used up.
        UpstreamError: the upstream did not take the job, or did not say whether it has.
    """
    context = info.context
    context.account.require_write(UpstreamName.SMS)
    if regarding is not None:
        subject, own_id = regarding
        request = _about(request, global_id(subject.name, own_id))
    async with context.once(key, ("sendSms", request)) as run:
        request, is_marked = (request, False) if key is None else marked(context, request, key)
        made = await run.part(0, _posting(context, request, is_marked=is_marked))
    (job_id,) = made.ids
    from_input = SmsJob.from_request(job_id, request)
    # The report would be a call for nothing: it has no more of what is selected.
    if selected_below(info, "job") <= NEEDS_NO_REPORT:
        return from_input
    try:
        found = await context.loaders.of(JOB).load(job_id)
    except UpstreamError:
        # No error of the mutation, because the job is sent: a client that saw one would send it again.
        return from_input
    if found is None:
        # Its report takes a moment to appear, so the job must not be cached as missing.
        await context.forget(JOB, [job_id])
    return found or from_input


def _posting(context: Context, request: JobRequest, *, is_marked: bool) -> Request[None]:
    async def post() -> Made[None]:
        async with _charged(context, request), context.changing(JOB) as changed:
            job_id = await context.account.sms.create_job(context.scope, request)
            changed.add(job_id)
        return Made((job_id,))

    async def find(window: Window) -> Made[None] | Looked:
        return await find_job(context, request, window, is_marked=is_marked)

    return Request(UpstreamName.SMS, "the job", post, find)


@asynccontextmanager
async def _charged(context: Context, request: JobRequest) -> AsyncIterator[None]:
    """Charge the caller for the SMS that are sent within the block.

    Raises:
        RateLimited: the caller has not as many SMS left.
    """
    if context.sms_quota is None:
        yield
        return
    count = billed_parts(request)
    await context.sms_quota.take(count)
    try:
        yield
    except UpstreamError as error:
        # Charged still if the outcome is unknown, because the SMS may have been sent.
        if not error.outcome_unknown:
            await context.sms_quota.give_back(count)
        raise


def _about(request: JobRequest, subject: str) -> JobRequest:
    options = msgspec.structs.replace(request.options or JobOptions(), customer_ref=reference_to(subject))
    return msgspec.structs.replace(request, options=options)
