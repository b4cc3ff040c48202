"""Finds the SMS job that a request of unknown outcome posted: by its customerRef.

A job that is posted under an idempotency key bears the key's mark in its customerRef, unless the client has put a
reference of its own there. The upstream lists ids only, by the time of their receipt, so each job of that time is read
until one has the reference.

    key wJp0FhQ3o1u5aK2x                           neither a reference nor a subject
    about Delivery:4711 key wJp0FhQ3o1u5aK2x       with a subject
    order-17                                       the client's own: found by that and by its recipients
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from resolvers.context import Context
from resolvers.errors import UpstreamBadAnswer
from resolvers.idempotency.outcomes import Looked, Made
from resolvers.idempotency.secrets import IdempotencyKey
from resolvers.idempotency.window import Window
from resolvers.kinds.sms import JOB
from resolvers.unreadable import readable
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.sms.records import SmsJob
from resolvers.upstreams.sms.requests import JobIdQuery, JobOptions, JobRequest

MARKED: Final = " key "
"""Separates the mark from what is before it."""

MAX_LOOKED_AT: Final = 100
"""Jobs whose reports are read by one look; where more were posted within the time, it stays unknown."""

READ_AT_ONCE: Final = 10


def marked(context: Context, request: JobRequest, key: IdempotencyKey) -> tuple[JobRequest, bool]:
    """Return the job with the mark of its idempotency key, and whether it bears that.

    Args:
        context: The operation's context, with the caller's keys.
        request: The job, with its subject in the customerRef, if it has one.
        key: The key.
    """
    options = request.options or JobOptions()
    reference = options.customer_ref
    if context.keys is None or (reference is not None and not reference.startswith("about ")):
        return request, False
    marked_reference = f"{reference or ''}{MARKED}{context.keys.secrets(key).mark}".strip()
    options = msgspec.structs.replace(options, customer_ref=marked_reference)
    return msgspec.structs.replace(request, options=options), True


async def find_job(context: Context, request: JobRequest, window: Window, *, is_marked: bool) -> Made[None] | Looked:
    """Return the job that a request has posted.

    Args:
        context: The operation's context.
        request: The request as it was sent.
        window: When the record was made.
        is_marked: Whether its customerRef is of no other job.

    Raises:
        UpstreamError: A data centre could not be asked, or a job that may be the one not be read.
    """
    reference = request.options.customer_ref if request.options else None
    listed = await _listed(context, window)
    if reference is None or len(listed) > MAX_LOOKED_AT:
        return Looked.UNSURE
    found: list[tuple[int, SmsJob]] = []
    for start in range(0, len(listed), READ_AT_ONCE):
        reports = await asyncio.gather(*(_report(context, *one) for one in listed[start : start + READ_AT_ONCE]))
        found += [(centre, job) for centre, job in filter(None, reports) if job.customer_ref == reference]
        if found and is_marked:
            break
        if None in reports:
            raise _unreadable()
    if not is_marked:
        found = [one for one in found if await _goes_to(context, *one, request)]
    if len(found) != 1:
        return Looked.UNSURE if found else Looked.ABSENT
    ((centre, job),) = found
    context.account.sms_places.remember(job.job_id, centre)
    # Its absence may be cached, because who posted it could not forget that.
    await context.forget(JOB, [job.job_id])
    return Made((job.job_id,))


async def _listed(context: Context, window: Window) -> Sequence[tuple[int, str]]:
    """Return the jobs of all data centres that were received in a window, one more than can be looked at at most."""
    sms = context.account.sms
    query = JobIdQuery(window.start, window.end, limit=MAX_LOOKED_AT + 1)
    lists = await asyncio.gather(*(sms.job_ids(context.scope, centre, query) for centre in range(sms.centres)))
    if any(None in job_ids for job_ids in lists):
        raise _unreadable()
    return [(centre, job_id) for centre, job_ids in enumerate(lists) for job_id in job_ids if job_id is not None]


def _unreadable() -> UpstreamBadAnswer:
    return UpstreamBadAnswer(UpstreamName.SMS, "SMS lists a job that cannot be read, which may be the one.")


async def _report(context: Context, centre: int, job_id: str) -> tuple[int, SmsJob] | None:
    job = await context.account.sms.job_report(context.scope, centre, job_id)
    return None if job is None else (centre, job)


async def _goes_to(context: Context, centre: int, job: SmsJob, request: JobRequest) -> bool:
    """Return whether a job goes to the recipients of a request."""
    wanted = Counter(one.destination for message in request.messages for one in message.recipients)
    if job.recipient_count != wanted.total():
        return False
    recipients = readable(await context.account.sms.recipients(context.scope, centre, job.job_id) or [])
    return Counter(one.wire_destination for one in recipients) == wanted
