"""Lists of SMS jobs against a model: each job is listed once, by however many lists, also while they change."""

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from resolvers.accounts import Account
from resolvers.context import Context
from resolvers.sms.job_lists import most_checks
from resolvers.upstreams.call import Answer, Call, CallScope
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.sms.client import SmsClient, SmsConfig
from tests.contract.operations import execute

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
WINDOW: Final = timedelta(days=30)
EDGES: Final = [START + WINDOW, START + 2 * WINDOW]
CENTRES: Final = ("http://primary.invalid", "http://secondary.invalid")

Order = Callable[[Sequence[tuple[datetime, str]]], list[tuple[datetime, str]]]

ORDERS: Final[dict[str, Order]] = {
    "ascending": sorted,
    "descending": lambda jobs: sorted(jobs, reverse=True),
    "by id": lambda jobs: sorted(jobs, key=lambda job: job[1][-3:]),
}


@dataclass
class DataCentres:
    """What each data centre names, with when it was posted; lifetime: one test.

    Args:
        jobs: By data centre.
        order: Of its lists.
        until: Whether a list holds the jobs at its last instant.
    """

    jobs: list[list[tuple[datetime, str]]]
    order: Order
    until: bool = True
    calls: Counter[str] = field(default_factory=Counter)

    async def send(self, call: Call) -> Answer:
        parts = urlsplit(call.url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        start, end = datetime.fromisoformat(query["fromTs"]), datetime.fromisoformat(query["toTs"])
        assert timedelta() < end - start <= WINDOW
        offset, limit = int(query.get("offset", "0")), int(query["limit"])
        assert 0 < limit <= 1000
        self.calls[parts.netloc] += 1
        named = self.jobs[CENTRES.index(f"http://{parts.netloc}")]
        found = [job for job in named if start <= job[0] < end or (self.until and job[0] == end)]
        listed = [{"jobId": job_id} for _, job_id in self.order(found)[offset : offset + limit]]
        return Answer(200, {}, msgspec.json.encode(listed))

    def account(self) -> Account:
        return Account("own", {UpstreamName.SMS: SmsClient([self, self], self, SmsConfig(CENTRES, CENTRES[0]))})


async def page_of(centres: DataCentres, first: int, after: str | None, days: int = 90) -> Any:  # noqa: ANN401 - JSON
    """A page, by a process that has seen none of the others."""
    centres.calls.clear()
    window = {"from": START.isoformat(), "to": (START + timedelta(days=days)).isoformat()}
    query = """query($from: DateTime, $to: DateTime, $first: Int, $after: String) {
        smsJobs(from: $from, to: $to, first: $first, after: $after) {
            nodes { jobId } pageInfo { endCursor hasNextPage } } }"""
    context = Context(centres.account(), CallScope(deadline=math.inf))
    result = await execute(query, {**window, "first": first, "after": after}, context)
    assert result.errors is None
    assert result.data is not None
    return result.data["smsJobs"]


async def read_to_the_end(
    centres: DataCentres, first: int, change: Callable[[int], None] = lambda _: None, days: int = 90
) -> list[str]:
    seen: list[str] = []
    page: Any = {"pageInfo": {"endCursor": None}}
    for number in range(500):
        page = await page_of(centres, first, page["pageInfo"]["endCursor"], days)
        seen += [node["jobId"] for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            return seen
        change(number)
    raise AssertionError("the list does not end")


def some_jobs(chance: random.Random, count: int, name: str) -> list[tuple[datetime, str]]:
    """Jobs at any time, and at the instants that two windows share."""
    times = [START + timedelta(seconds=chance.randrange(90 * 86_400)) for _ in range(count)] + EDGES * 2
    return [(time, f"J.{name}.{number}.{chance.randrange(1000):03}") for number, time in enumerate(times)]


@pytest.mark.parametrize("first", [1, 4, 7, 100])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("until", [True, False], ids=["closed", "half open"])
async def test_a_job_stands_once_whatever_lists_name_it_in_whatever_order(
    first: int, order: str, *, until: bool
) -> None:
    chance = random.Random(first)  # noqa: S311 - a test, which repeats
    both = some_jobs(chance, 6, "both")
    centres = DataCentres(
        [[*some_jobs(chance, 12, "one"), *both], [*some_jobs(chance, 9, "two"), *both]], ORDERS[order]
    )
    centres.until = until

    seen = await read_to_the_end(centres, first)

    assert Counter(seen) == Counter({job_id for jobs in centres.jobs for _, job_id in jobs})


@pytest.mark.parametrize("first", [3, 20])
@pytest.mark.parametrize("order", ["ascending", "descending"])
async def test_jobs_that_come_and_leave_neither_repeat_nor_hide_others(first: int, order: str) -> None:
    for seed in range(5):
        chance = random.Random(seed)  # noqa: S311 - see above
        centres = DataCentres([some_jobs(chance, 60, "one"), some_jobs(chance, 30, "two")], ORDERS[order])
        before = {job_id for jobs in centres.jobs for _, job_id in jobs}
        seen: list[str] = []

        def change(number: int, centres: DataCentres = centres, chance: random.Random = chance) -> None:
            if number < 15:
                for name, jobs in zip("ab", centres.jobs, strict=True):
                    jobs.pop(chance.randrange(len(jobs)))
                    time = START + timedelta(seconds=chance.randrange(90 * 86_400))
                    jobs.append((time, f"J.new.{name}.{number}"))

        seen = await read_to_the_end(centres, first, change)

        stayed = before & {job_id for jobs in centres.jobs for _, job_id in jobs}
        assert len(seen) == len(set(seen))
        assert stayed <= set(seen)


async def test_a_list_that_stands_still_costs_a_call_a_page_and_two_where_the_data_centre_changes() -> None:
    chance = random.Random(0)  # noqa: S311 - see above
    centres = DataCentres([some_jobs(chance, 45, "one"), some_jobs(chance, 45, "two")], sorted)
    calls: list[int] = []

    seen = await read_to_the_end(centres, 10, lambda _: calls.append(centres.calls.total()), days=30)

    named = {job_id for jobs in centres.jobs for time, job_id in jobs if time <= START + WINDOW}
    assert set(seen) == named
    assert max(calls) <= 2


async def test_an_upstream_that_passes_over_offset_and_limit_makes_no_endless_list() -> None:
    class Unpaged(DataCentres):
        async def send(self, call: Call) -> Answer:
            query = urlsplit(call.url).netloc
            self.calls[query] += 1
            named = self.jobs[CENTRES.index(f"http://{query}")]
            return Answer(200, {}, msgspec.json.encode([{"jobId": job_id} for _, job_id in named]))

    chance = random.Random(0)  # noqa: S311 - see above
    centres = Unpaged([some_jobs(chance, 39, "one"), some_jobs(chance, 5, "two")], sorted)

    seen = await read_to_the_end(centres, 20, days=30)

    assert seen == [job_id for jobs in centres.jobs for _, job_id in jobs]


@pytest.mark.parametrize("index", [2, 600, 1500])
async def test_a_page_costs_no_more_than_is_said_wherever_it_begins_and_however_much_has_moved(index: int) -> None:
    chance = random.Random(0)  # noqa: S311 - see above
    names = ("one", "two")
    centres = DataCentres(
        [[job for job in some_jobs(chance, 5000, one) if job[0] not in EDGES] for one in names], sorted
    )
    after = None
    for _ in range(index // 100 + 1):
        after = (await page_of(centres, min(100, index), after))["pageInfo"]["endCursor"]
    centres.jobs[0].sort()
    del centres.jobs[0][: index + 1]

    await page_of(centres, 100, after)

    assert centres.calls.total() <= 6 + most_checks(0, index, 3, 2)
