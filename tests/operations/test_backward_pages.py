"""Lists read backwards and against the upstream's order, and SMS jobs in the order of their times."""

import math
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from resolvers.connections import Connection, PageRequest
from resolvers.context import Context
from resolvers.sms.ordered_jobs import most_rounds
from resolvers.upstreams.call import CallScope
from tests.contract.operations import execute
from tests.operations.test_changing_lists import Upstream, anywhere, at_the_end, at_the_front, leaving
from tests.operations.test_changing_sms_jobs import CENTRES, START, DataCentres
from tests.world import UNCACHED, World, running_world

MOST_AT_CURSOR: Final = 4
MOST_AT_END: Final = 5


async def read_backwards(upstream: Upstream, size: int, change: Any, chance: random.Random) -> list[str]:  # noqa: ANN401 - a change
    """What a client sees that reads from the end to the start while the list changes, in the list's order."""
    seen: list[str] = []
    before: str | None = None
    for page in range(500):
        found = await upstream.page(PageRequest(size, before, backwards=True))
        assert len(upstream.asked) <= (MOST_AT_END if before is None else MOST_AT_CURSOR)
        seen[:0] = found.nodes
        if not found.page_info.has_previous_page:
            return seen
        before, known = found.page_info.start_cursor, list(upstream.records)
        if page < 12:
            change(upstream, chance)
        if not set(seen[:1]) & set(upstream.records):
            upstream.records = known
    raise AssertionError("the list does not end")


@pytest.mark.parametrize("size", [1, 3, 7, 20, 60])
@pytest.mark.parametrize("change", [at_the_front, at_the_end, leaving, anywhere, lambda *_: None])
async def test_what_stays_is_seen_once_by_who_reads_backwards(change: Any, size: int) -> None:  # noqa: ANN401 - a change
    for seed in range(15):
        chance = random.Random(seed)  # noqa: S311 - changes of a test, which repeat
        records = [f"record {number}" for number in range(chance.randrange(90))]
        upstream = Upstream(list(records), counts=True)

        seen = await read_backwards(upstream, size, change, chance)

        assert len(seen) == len(set(seen)), seed
        stayed = [one for one in records if one in upstream.records]
        assert [one for one in seen if one in stayed] == stayed, seed


@pytest.mark.parametrize("against", [False, True])
@pytest.mark.parametrize("cap", [7, 20, 1000])
@pytest.mark.parametrize("length", [0, 1, 19, 20, 45])
async def test_every_page_is_the_part_of_the_list_that_it_says_in_either_direction(
    length: int, cap: int, *, against: bool
) -> None:
    records = [f"record {number}" for number in range(length)]
    listed = records[::-1] if against else records
    for size in (1, 5, 20):
        upstream = Upstream(records, counts=True, cap=cap)
        for backwards in (False, True):
            found = await upstream.page(PageRequest(size, backwards=backwards), against=against)
            assert_part(found, listed, listed[-size:] if backwards else listed[:size])
            for number in range(len(found.nodes)):
                place = listed.index(found.nodes[number])
                cursor = found.edges[number].cursor
                behind = await upstream.page(PageRequest(size, cursor), against=against)
                assert_part(behind, listed, listed[place + 1 : place + 1 + size])
                before = await upstream.page(PageRequest(size, cursor, backwards=True), against=against)
                assert_part(before, listed, listed[max(0, place - size) : place])


def assert_part(page: Connection[str], listed: list[str], expected: list[str]) -> None:
    assert list(page.nodes) == expected
    if expected:
        assert page.has_previous_page is (expected[0] != listed[0])
        assert page.has_next_page is (expected[-1] != listed[-1])


async def test_a_record_that_left_leaves_its_neighbours_to_find_the_place_before_it() -> None:
    upstream = Upstream([f"record {number}" for number in range(60)], counts=True)
    page = await upstream.page(PageRequest(10, backwards=True))
    upstream.records.remove("record 50")
    upstream.records[:0] = ["new 1", "new 2"]

    before = await upstream.page(PageRequest(3, page.page_info.start_cursor, backwards=True))

    assert list(before.nodes) == ["record 47", "record 48", "record 49"]


LISTS: Final = {
    "deliveries": ("sendTaskId", "createdAt"),
    "logisticsTasks": ("taskId", None),
    "smsJobs": ("jobId", "receivedAt"),
}


async def pages(world: World, name: str, arguments: str, *, backwards: bool = False) -> list[str]:
    """All ids of a list in its order, by pages of 7 in one direction."""
    seen: list[str] = []
    cursor = None
    size, at, flag, edge = (
        ("last", "before", "hasPreviousPage", "startCursor")
        if backwards
        else ("first", "after", "hasNextPage", "endCursor")
    )
    query = f"""query($cursor: String) {{ page: {name}({arguments} {size}: 7, {at}: $cursor) {{
        nodes {{ own: {LISTS[name][0]} }} pageInfo {{ {flag} {edge} }} }} }}"""
    while True:
        page = (await world.ask(query, {"cursor": cursor})).data["page"]
        found = [one["own"] for one in page["nodes"]]
        seen = found + seen if backwards else seen + found
        if not page["pageInfo"][flag]:
            return seen
        cursor = page["pageInfo"][edge]


@pytest.mark.parametrize("name", LISTS)
async def test_the_newest_first_is_the_oldest_first_turned_about_in_either_direction(name: str, world: World) -> None:
    oldest = await pages(world, name, "orderBy: OLDEST_FIRST")

    assert len(oldest) == len(set(oldest)) > 20
    assert await pages(world, name, "orderBy: OLDEST_FIRST", backwards=True) == oldest
    assert await pages(world, name, "orderBy: NEWEST_FIRST") == oldest[::-1]
    assert await pages(world, name, "orderBy: NEWEST_FIRST", backwards=True) == oldest[::-1]


@pytest.mark.parametrize("name", ["deliveries", "smsJobs"])
async def test_the_first_page_of_the_newest_has_the_latest_times(name: str, world: World) -> None:
    time = LISTS[name][1]
    query = f"{{ {name}(orderBy: NEWEST_FIRST, first: 15) {{ nodes {{ {time} }} }} }}"

    times = [one[time] for one in (await world.ask(query)).data[name]["nodes"]]

    assert times == sorted(times, reverse=True)
    assert len(times) == 15


async def test_an_upstream_that_serves_the_newest_first_is_said_to_in_the_settings() -> None:
    query = "{ deliveries(orderBy: %s, first: 3) { nodes { sendTaskId } } }"
    async with running_world({**UNCACHED, "GATEWAY_DELIVERIES__LIST_ORDER": "newest_first"}) as world:
        newest = await world.ask(query % "NEWEST_FIRST")
        assert len(world.requests) == 1
        as_served = await world.ask("{ deliveries(first: 3) { nodes { sendTaskId } } }")

    assert newest.data == as_served.data


@pytest.mark.parametrize(
    ("query", "argument", "said"),
    [
        ("{ page: deliveries(first: 5, last: 5) { totalCount } }", "last", "give one of them"),
        ('{ page: deliveries(before: "x") { totalCount } }', "before", "goes with `last`"),
        ('{ page: deliveries(last: 2, after: "x") { totalCount } }', "after", "goes with `first`"),
        ("{ page: deliveries(last: 0) { totalCount } }", "last", "from 1 to 100"),
        ('{ page: deliveries(last: 2, before: "x") { totalCount } }', "before", "no cursor of this list"),
        ("{ page: organizations(last: 2) { nodes { id } } }", "last", "does not say where its list"),
        ("{ page: smsJobs(last: 2) { nodes { id } } }", "last", "pass `orderBy`"),
        ('{ page: recipients(jobId: "J.1", last: 3001) { totalCount } }', "last", "from 1 to 3000"),
    ],
)
async def test_a_page_that_no_upstream_can_serve_is_refused_before_any_call(
    world: World, query: str, argument: str, said: str
) -> None:
    answer = await world.ask(query)

    assert answer.codes == {"page": "BAD_INPUT"}
    (error,) = answer.json["errors"]
    assert error["extensions"]["argumentPath"] == [argument]
    assert said in error["message"]
    assert world.requests == []


async def test_recipients_and_organizations_are_read_backwards_from_a_cursor(world: World) -> None:
    whole = (await world.ask("{ smsJobs(first: 1) { nodes { jobId recipients { edges { cursor } } } } }")).data
    (job,) = whole["smsJobs"]["nodes"]
    cursors = [one["cursor"] for one in job["recipients"]["edges"]]

    of_job = f'jobId: "{job["jobId"]}"'
    last = (await world.ask(f"{{ recipients({of_job}, last: 1) {{ edges {{ cursor }} }} }}")).data

    assert [one["cursor"] for one in last["recipients"]["edges"]] == cursors[-1:]
    page = "pageInfo { endCursor hasPreviousPage }"
    forwards = (await world.ask(f"{{ organizations(first: 3) {{ nodes {{ id }} {page} }} }}")).data["organizations"]
    before = f'{{ organizations(last: 5, before: "{forwards["pageInfo"]["endCursor"]}") {{ nodes {{ id }} {page} }} }}'
    backwards = (await world.ask(before)).data["organizations"]
    assert backwards["nodes"] == forwards["nodes"][:2]
    assert backwards["pageInfo"]["hasPreviousPage"] is False


def job(posted: datetime, number: int) -> tuple[datetime, str]:
    return posted, f"J.{posted:%Y%m%d-%H%M%S}.{posted.microsecond // 1000:03}-{number:06}"


def posted_jobs(chance: random.Random) -> list[list[tuple[datetime, str]]]:
    """Jobs of two data centres over three windows, with crowds of them, at edges too."""
    sparse = [START + timedelta(days=90 * chance.random()) for _ in range(chance.choice([3, 40]))]
    crowd = START + timedelta(days=chance.choice([1.0, 30.0, 59.9, 75.5]))
    dense = [crowd + timedelta(seconds=3 * chance.random() * number) for number in range(chance.choice([0, 1500]))]
    edges = [START + timedelta(days=30), START + timedelta(days=60)]
    times = [one.replace(microsecond=one.microsecond // 1000 * 1000) for one in (*sparse, *dense, *edges)]
    centres: list[list[tuple[datetime, str]]] = [[], []]
    for number, posted in enumerate(times):
        centres[chance.random() < 0.3].append(job(posted, number))
    return centres


async def ordered_page(centres: DataCentres, order: str, backwards: bool, cursor: str | None) -> Any:  # noqa: ANN401 - JSON
    centres.calls.clear()
    window = {"from": START.isoformat(), "to": (START + timedelta(days=90)).isoformat(), "cursor": cursor}
    arguments = "last: 100, before: $cursor" if backwards else "first: 100, after: $cursor"
    query = f"""query($from: DateTime, $to: DateTime, $cursor: String) {{
        smsJobs(from: $from, to: $to, orderBy: {order}, {arguments}) {{ nodes {{ jobId }}
        pageInfo {{ startCursor endCursor hasNextPage hasPreviousPage }} }} }}"""
    result = await execute(query, window, Context(centres.account(), CallScope(deadline=math.inf)))
    assert result.errors is None
    assert result.data is not None
    assert centres.calls.total() <= most_rounds(timedelta(days=90)) * len(CENTRES)
    return result.data["smsJobs"]


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("order", ["NEWEST_FIRST", "OLDEST_FIRST"])
async def test_jobs_of_both_data_centres_are_in_one_order_of_time_however_dense_they_are(
    order: str, *, backwards: bool
) -> None:
    for seed in range(6):
        centres = DataCentres(posted_jobs(random.Random(seed)), order=sorted)  # noqa: S311 - jobs of a test
        seen: list[str] = []
        cursor = None
        for _ in range(200):
            page = await ordered_page(centres, order, backwards, cursor)
            ids = [one["jobId"] for one in page["nodes"]]
            seen = ids + seen if backwards else seen + ids
            assert len(cursor or "") <= 180
            if not page["pageInfo"]["hasPreviousPage" if backwards else "hasNextPage"]:
                break
            cursor = page["pageInfo"]["startCursor" if backwards else "endCursor"]
        else:
            raise AssertionError("the list does not end")

        assert seen == in_order(centres, order), seed


def in_order(centres: DataCentres, order: str) -> Sequence[str]:
    ids = sorted(job_id for one in centres.jobs for _, job_id in one)
    return ids[::-1] if order == "NEWEST_FIRST" else ids


async def test_more_jobs_at_one_time_than_a_list_holds_are_a_bad_answer() -> None:
    at_once = datetime(2026, 1, 5, tzinfo=UTC)
    centres = DataCentres([[job(at_once, number) for number in range(1000)], []], order=sorted)
    window = {"from": at_once.isoformat(), "to": (at_once + timedelta(seconds=1)).isoformat()}
    query = """query($from: DateTime, $to: DateTime) {
        smsJobs(from: $from, to: $to, orderBy: OLDEST_FIRST) { nodes { jobId } } }"""

    result = await execute(query, window, Context(centres.account(), CallScope(deadline=math.inf)))

    assert result.errors is not None
    assert "1000 jobs or more at one time" in str(result.errors[0])
