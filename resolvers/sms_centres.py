"""Two SMS data centres, each of which knows only its own jobs: whom to ask first, and what a silence of one means."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from resolvers.accounts import Account
from resolvers.errors import UpstreamError
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.sms.records import Recipient, SmsJob

Found = TypeVar("Found")


async def read_job(account: Account, scope: CallScope, job_id: str) -> SmsJob | None:
    """A job's report, from whichever data centre has it.

    Raises:
        UpstreamError: it was found nowhere, and one data centre did not answer: the job may be there.
    """

    async def report(centre: int) -> SmsJob | None:
        return await account.sms.job_report(scope, centre, job_id)

    return await _first_found(account, job_id, report)


async def read_recipients(account: Account, scope: CallScope, job_id: str) -> list[Recipient] | None:
    """A job's recipients, from whichever data centre has them; None where neither knows the job.

    Whether an unknown job answers 404 or an empty list is documented nowhere, so both mean: not here.

    Raises:
        UpstreamError: they were found nowhere, and one data centre did not answer.
    """

    async def recipients(centre: int) -> list[Recipient] | None:
        return await account.sms.recipients(scope, centre, job_id) or None

    return await _first_found(account, job_id, recipients)


async def _first_found(account: Account, job_id: str, ask: Callable[[int], Awaitable[Found | None]]) -> Found | None:
    failure: UpstreamError | None = None
    for centre in _order(account, job_id):
        try:
            found = await ask(centre)
        except UpstreamError as error:
            failure = failure or error
            continue
        if found is not None:
            account.sms_places.remember(job_id, centre)
            return found
    if failure is not None:
        raise failure
    return None


def _order(account: Account, job_id: str) -> list[int]:
    """The data centre where the job was found before, then the others, the primary first."""
    centres = list(range(account.sms.centres))
    known = account.sms_places.centre_of(job_id)
    if known is not None:
        centres.remove(known)
        centres.insert(0, known)
    return centres
