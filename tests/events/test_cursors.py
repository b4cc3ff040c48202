"""Cursors of many ids are short, and resume with the same ids, with others, and in other processes."""

from random import Random
from typing import Final

import pytest

from resolvers.events.cursors import MAX_MARKS
from resolvers.events.id_lists import IdList, mark_of, unpacked
from resolvers.events.log import LogConfig, MemoryEventLog
from resolvers.events.service import MAX_FOLLOWED, Events
from tests.events.processes import Processes
from tests.events.subscriber import Subscriber
from tests.events.test_problems import told
from tests.events.upstream import Upstream
from tests.events.virtual_time import VirtualTime, settled

LONGEST: Final = 200
"""Characters; the cursor is also a header, `Last-Event-ID`, of each client that comes back."""

IDS: Final = [f"LogisticsTask:{number}" for number in range(MAX_FOLLOWED)]


@pytest.fixture
def followed(upstream: Upstream) -> list[str]:
    """As many ids as a subscription may follow; each tenth is one of no task."""
    upstream.tasks |= {str(number): "accepted" for number in range(MAX_FOLLOWED) if number % 10}
    return IDS


async def test_the_first_cursors_of_many_ids_are_short(events: Events, upstream: Upstream, followed: list[str]) -> None:
    first = await told(events, upstream.account(), followed)

    assert len(first.news) == MAX_FOLLOWED == 500
    assert max(len(one.cursor) for one in first.news) < LONGEST
    assert len({one.cursor for one in first.news}) == MAX_FOLLOWED


@pytest.mark.parametrize("count", [MAX_MARKS, MAX_MARKS + 1, MAX_FOLLOWED])
async def test_each_cursor_resumes_with_what_is_left_and_no_more(
    events: Events, upstream: Upstream, followed: list[str], count: int
) -> None:
    ids = followed[:count]
    first = await told(events, upstream.account(), ids)

    for sent in (0, count // 2, count - 1):
        resumed = await told(events, upstream.account(), ids, first.news[sent].cursor)
        assert sorted(resumed.told) == sorted(first.told[sent + 1 :])


async def test_a_cursor_of_many_ids_resumes_with_other_ids(
    events: Events, upstream: Upstream, time: VirtualTime, followed: list[str]
) -> None:
    first = await told(events, upstream.account(), followed[:-20])
    upstream.tasks["1"] = "pending_pickup"

    # In another order, without the first ones but two, and with ten more, of which one is of no task.
    resumed = Subscriber(
        events.follow(upstream.account(), [*followed[-11:29:-1], *followed[1:3]], first.news[-1].cursor)
    )
    await time.advance(3)
    await resumed.leave()

    assert resumed.told.count("CHANGE accepted > pending_pickup") == 1
    assert resumed.told.count("SNAPSHOT accepted") == 9
    assert [one.problem.subject_id for one in resumed.problems if one.problem] == ["LogisticsTask:480"]
    assert len(resumed.told) == 11


async def test_a_cursor_whose_ids_are_lost_leads_to_a_gap_with_other_ids_only(
    processes: Processes, upstream: Upstream, time: VirtualTime, followed: list[str]
) -> None:
    log = MemoryEventLog(LogConfig(), time.now)
    events = await processes.start(log)
    first = await told(events, upstream.account(), followed)

    # As after 5000 other subscriptions.
    log._ids.clear()
    same = await told(events, upstream.account(), followed, first.news[-1].cursor)
    log._ids.clear()
    other = Subscriber(events.follow(upstream.account(), followed[1:], first.news[-1].cursor))
    await time.advance(3)
    await other.leave()

    assert same.told == []
    assert other.told[0] == "GAP"
    assert other.told.count("SNAPSHOT accepted") == 450


async def test_cursors_stay_short_and_right_while_records_come_and_go(
    events: Events, upstream: Upstream, time: VirtualTime, followed: list[str]
) -> None:
    chance = Random(5)  # noqa: S311 - a test's own, to be repeated
    subscriber = Subscriber(events.follow(upstream.account(), followed, None))
    await settled()
    for _ in range(5):
        upstream.garbled = {str(number) for number in range(MAX_FOLLOWED) if chance.random() < 0.2}
        await time.advance(70)
    await subscriber.leave()

    last = subscriber.news[-1].cursor
    resumed = await told(events, upstream.account(), followed, last)

    # At worst a bitmap of all ids, and one for each code of a problem.
    assert max(len(one.cursor) for one in subscriber.news) < 2 * LONGEST
    assert "GAP" not in resumed.told
    assert not [one for one in resumed.problems if one.problem and one.problem.code == "NOT_FOUND"]


def test_a_set_of_ids_comes_back_from_its_bitmap() -> None:
    chance = Random(3)  # noqa: S311 - a test's own, to be repeated
    for count in (1, 7, 8, 9, 255, 500):
        listed = IdList(IDS[:count])
        for share in (0.0, 0.1, 0.5, 1.0):
            ids = [one for one in IDS[:count] if chance.random() < share]
            packed = listed.packed(sum(map(listed.bit, ids)))
            assert list(unpacked(packed, listed.marks)) == [mark_of(one) for one in ids]
            assert len(packed) <= 1 + -(-count // 8)


@pytest.mark.parametrize("packed", [b"", b"\1", b"\1\xff\xff", b"\0" + b"\1" * 100, b"\2", IdList(IDS).packed(2**499)])
def test_what_is_no_set_of_a_list_is_refused_or_empty(packed: bytes) -> None:
    try:
        found = list(unpacked(packed, IdList(IDS[:20]).marks))
    except ValueError:
        found = []

    assert found == []
