"""Two SMS data centres, each of which knows only its own jobs: whom to ask first, and what a silence of one means."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Generic, TypeVar

from resolvers.accounts import Account
from resolvers.errors import UpstreamError
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.sms.records import Recipient, SmsJob

Found = TypeVar("Found")
Ask = Callable[[int], Awaitable[Found | None]]


def read_job(account: Account, scope: CallScope, job_id: str) -> Coroutine[Any, Any, SmsJob | None]:
    """A job's report, from whichever data centre has it.

    Raises:
        UpstreamError: when awaited; it was found nowhere, and one data centre did not answer: the job may be there.
    """
    if account.sms.centres == 1:
        return account.sms.job_report(scope, 0, job_id)
    return _find(account, job_id, lambda centre: account.sms.job_report(scope, centre, job_id))


async def read_recipients(account: Account, scope: CallScope, job_id: str) -> list[Recipient] | None:
    """A job's recipients, from whichever data centre has them; None where neither knows the job.

    Whether an unknown job answers 404 or an empty list is documented nowhere, so both mean: not here.

    Raises:
        UpstreamError: they were found nowhere, and one data centre did not answer.
    """
    if account.sms.centres == 1:
        return await account.sms.recipients(scope, 0, job_id) or None

    async def recipients(centre: int) -> list[Recipient] | None:
        return await account.sms.recipients(scope, centre, job_id) or None

    return await _find(account, job_id, recipients)


async def _find(account: Account, job_id: str, ask: Ask[Found]) -> Found | None:
    """Where the job was found before is the only place that is asked: no other data centre can know it."""
    known = account.sms_places.centre_of(job_id)
    search = _Search(account, job_id, ask)
    if known is not None:
        found = await search.one_by_one([known])
        if found is None:
            account.sms_places.forget(job_id)
        return found
    centres = range(account.sms.centres)
    patience = account.sms_hedging.patience(centres[0])
    return await (search.one_by_one(centres) if patience is None else search.hedged(centres, patience))


class _Search(Generic[Found]):
    """Searches the data centres for one job; lifetime: the search.

    Args:
        account: Whose job.
        job_id: Its id.
        ask: Asks one data centre; None where it does not know the job.
    """

    def __init__(self, account: Account, job_id: str, ask: Ask[Found]) -> None:
        self._account = account
        self._job_id = job_id
        self._ask = ask
        self._failures: dict[int, UpstreamError] = {}

    async def one_by_one(self, centres: Sequence[int]) -> Found | None:
        """Ask each once the one before has not found it."""
        for centre in centres:
            found = await self._asked(centre)
            if found is not None:
                return found
        self._raise_failure(centres)
        return None

    async def hedged(self, centres: Sequence[int], patience: float) -> Found | None:
        """Ask the others as well once the first takes longer than its patience; the first that found it wins."""
        tasks = [asyncio.create_task(self._asked(centres[0]))]
        try:
            await asyncio.wait(tasks, timeout=patience)
            if not tasks[0].done() or tasks[0].result() is None:
                tasks += [asyncio.create_task(self._asked(centre)) for centre in centres[1:]]
            for task in asyncio.as_completed(tasks):
                found = await task
                if found is not None:
                    return found
        finally:
            await _cancel(tasks)
        self._raise_failure(centres)
        return None

    async def _asked(self, centre: int) -> Found | None:
        """What one data centre has; its failure is kept for the end."""
        clock = asyncio.get_running_loop().time
        started = clock()
        try:
            found = await self._ask(centre)
        except UpstreamError as error:
            self._failures[centre] = error
            return None
        except asyncio.CancelledError:
            # Without those not waited for, the percentile would never see how slow the data centre has become.
            self._account.sms_hedging.add(centre, clock() - started)
            raise
        self._account.sms_hedging.add(centre, clock() - started)
        if found is not None:
            self._account.sms_places.remember(self._job_id, centre)
        return found

    def _raise_failure(self, centres: Sequence[int]) -> None:
        """A data centre that did not answer may have it.

        Raises:
            UpstreamError: as the first that failed did.
        """
        for centre in centres:
            if centre in self._failures:
                raise self._failures[centre]


async def _cancel(tasks: Sequence["asyncio.Task[Found | None]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
