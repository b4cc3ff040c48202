"""Reads an SMS job from the data centre that has it, and asks another one where the first is slow.

Theory of operation. Each data centre knows only the jobs that it took itself, and the vendor balances new jobs over all
of them, so nothing but an answer shows where a job is:

    found there before? --yes--> ask that data centre only
          | no
          v
    ask the primary ----> found ----> remember where
          |
          | it does not know the job or fails: ask the next at once
          | hedging is on, and it takes longer than its 95th percentile: ask the next too; the first to find it wins
          v
    found nowhere ----> None if every data centre has answered, the failure if one has not: the job may be there
"""

import asyncio
from collections import OrderedDict, defaultdict, deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

from resolvers.errors import UpstreamError
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.sms.client import SmsClient
from resolvers.upstreams.sms.records import Recipient, SmsJob

REMEMBERED_PLACES: Final = 100_000
"""The most jobs whose data centre is remembered."""

SIZE: Final = 100
"""Durations that a percentile is taken of."""

LEAST_SAMPLES: Final = 20
"""Fewer do not have a slowest twentieth."""

REFRESHED_EVERY: Final = 10
"""Samples between two computations of the percentile."""

Found = TypeVar("Found")
FetchFrom = Callable[[int], Awaitable[Found | None]]
"""Reads from one data centre, by its index; None if it does not know the job."""


class SmsPlaces:
    """Remembers in which data centre a job was found. Lifetime: account."""

    def __init__(self, limit: int = REMEMBERED_PLACES) -> None:
        self._limit = limit
        self._centres: OrderedDict[str, int] = OrderedDict()

    def remember(self, job_id: str, centre: int) -> None:
        """Note where a job was found."""
        self._centres[job_id] = centre
        self._centres.move_to_end(job_id)
        if len(self._centres) > self._limit:
            self._centres.popitem(last=False)

    def forget(self, job_id: str) -> None:
        """Search every data centre for a job again, because it is not where it was."""
        self._centres.pop(job_id, None)

    def centre_of(self, job_id: str) -> int | None:
        """Return the data centre in which a job was found; None if it was not found yet."""
        return self._centres.get(job_id)


class LatencyWindow:
    """The durations of the last reads. Lifetime: account."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=SIZE)
        self._new_samples = 0
        self._percentile: float | None = None

    def add(self, seconds: float) -> None:
        """Note how long a read took."""
        self._seconds.append(seconds)
        self._new_samples += 1
        # Computed now and then, because sorting the window for each read would cost more than reading it from here.
        if len(self._seconds) >= LEAST_SAMPLES and (self._percentile is None or self._new_samples >= REFRESHED_EVERY):
            self._percentile = sorted(self._seconds)[int(len(self._seconds) * 0.95)]
            self._new_samples = 0

    @property
    def percentile_95(self) -> float | None:
        """Seconds within which 19 of 20 reads were answered; None before there are enough samples."""
        return self._percentile


class SmsHedging:
    """Decides after how long a read is hedged, by how long each data centre usually takes. Lifetime: account.

    Args:
        enabled: Whether slow reads are sent to the next data centre at all.
    """

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._latencies: defaultdict[int, LatencyWindow] = defaultdict(LatencyWindow)

    def add(self, centre: int, seconds: float) -> None:
        """Note how long a data centre took."""
        self._latencies[centre].add(seconds)

    def give_up(self, centre: int, seconds: float) -> None:
        """Note how long a read had taken when it was given up, as far as that says how long the data centre takes."""
        usual = self._latencies[centre].percentile_95
        # A shorter time says only that somebody did not wait: a client that left, or another data centre that was fast.
        if usual is not None and seconds > usual:
            self._latencies[centre].add(seconds)

    def patience(self, centre: int) -> float | None:
        """Return the seconds after which a read counts as slow there, its own 95th percentile; None for never."""
        return self._latencies[centre].percentile_95 if self._enabled else None


class SmsAccount(Protocol):
    """The parts of an account that a search uses."""

    @property
    def sms(self) -> SmsClient:
        """The client of the SMS API."""
        ...

    @property
    def sms_places(self) -> SmsPlaces:
        """Where its jobs were found."""
        ...

    @property
    def sms_hedging(self) -> SmsHedging:
        """How long its data centres take."""
        ...


def read_job(account: SmsAccount, scope: CallScope, job_id: str) -> Coroutine[Any, Any, SmsJob | None]:
    """Return a job's report from the data centre that has it; None if none has.

    Raises:
        UpstreamError: when awaited; it was found nowhere, and a data centre that may have it did not answer.
    """
    if account.sms.centres == 1:
        return account.sms.job_report(scope, 0, job_id)
    return _find(account, job_id, lambda centre: account.sms.job_report(scope, centre, job_id))


async def read_recipients(account: SmsAccount, scope: CallScope, job_id: str) -> list[Recipient] | None:
    """Return a job's recipients from the data centre that has them; None if none knows the job.

    Raises:
        UpstreamError: they were found nowhere, and a data centre that may have them did not answer.
    """
    # None for an empty list too: no document says which of 404 and `[]` answers for a job that is not known.
    if account.sms.centres == 1:
        return await account.sms.recipients(scope, 0, job_id) or None

    async def recipients(centre: int) -> list[Recipient] | None:
        return await account.sms.recipients(scope, centre, job_id) or None

    return await _find(account, job_id, recipients)


async def _find(account: SmsAccount, job_id: str, fetch: FetchFrom[Found]) -> Found | None:
    known = account.sms_places.centre_of(job_id)
    search = _Search(account, job_id, fetch)
    if known is not None:
        # The only one to ask: a job stays where it was posted, and no other data centre can know it.
        found = await search.one_by_one([known])
        if found is None:
            account.sms_places.forget(job_id)
        return found
    centres = range(account.sms.centres)
    patience = account.sms_hedging.patience(centres[0])
    return await (search.one_by_one(centres) if patience is None else search.hedged(centres, patience))


class _Search(Generic[Found]):
    """A search of the data centres for one job.

    Args:
        account: The one that the job was sent by.
        job_id: The upstream's own id.
        fetch: Reads from one data centre.
    """

    def __init__(self, account: SmsAccount, job_id: str, fetch: FetchFrom[Found]) -> None:
        self._account = account
        self._job_id = job_id
        self._fetch = fetch
        self._failures: dict[int, UpstreamError] = {}

    async def one_by_one(self, centres: Sequence[int]) -> Found | None:
        """Ask each data centre once the one before has not found the job.

        Raises:
            UpstreamError: it was found nowhere, and a data centre failed.
        """
        for centre in centres:
            found = await self._fetched(centre)
            if found is not None:
                return found
        self._raise_failure(centres)
        return None

    async def hedged(self, centres: Sequence[int], patience: float) -> Found | None:
        """Ask the first data centre, and after `patience` seconds the others as well; return what is found first.

        Raises:
            UpstreamError: it was found nowhere, and a data centre failed.
        """
        tasks = [asyncio.create_task(self._fetched(centres[0]))]
        try:
            await asyncio.wait(tasks, timeout=patience)
            # Also if the first was in time and has not found it: the wait has then ended early.
            if not tasks[0].done() or tasks[0].result() is None:
                tasks += [asyncio.create_task(self._fetched(centre)) for centre in centres[1:]]
            for task in asyncio.as_completed(tasks):
                found = await task
                if found is not None:
                    return found
        finally:
            # The slower reads, or all if the caller gives up: their answers are of no more use.
            await _cancel(tasks)
        self._raise_failure(centres)
        return None

    async def _fetched(self, centre: int) -> Found | None:
        """Read from one data centre; a failure is noted, and None is returned."""
        clock = asyncio.get_running_loop().time
        started = clock()
        try:
            found = await self._fetch(centre)
        except UpstreamError as error:
            # Kept for the end, because another data centre may have the job. No sample: a failure can come at once.
            self._failures[centre] = error
            return None
        except asyncio.CancelledError:
            # Without the reads that were given up, the percentile would never show that a data centre became slow.
            self._account.sms_hedging.give_up(centre, clock() - started)
            raise
        self._account.sms_hedging.add(centre, clock() - started)
        if found is not None:
            self._account.sms_places.remember(self._job_id, centre)
        return found

    def _raise_failure(self, centres: Sequence[int]) -> None:
        """Raise the failure of the first data centre that has not answered: it may have the job."""
        for centre in centres:
            if centre in self._failures:
                raise self._failures[centre]


async def _cancel(tasks: Sequence["asyncio.Task[Found | None]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
