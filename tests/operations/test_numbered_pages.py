"""Windows of numbered pages, over lists whose upstreams count them in sizes of their own."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from typing import Final

import pytest

from resolvers.connections import Connection
from resolvers.errors import UpstreamBadAnswer
from resolvers.numbered_pages import NumberedList
from resolvers.upstreams.names import UpstreamName

LENGTHS: Final = (0, 1, 19, 20, 21, 40, 67)

SIZES: Final[dict[str, Callable[[int], int]]] = {
    "as asked for": lambda asked: asked,
    "at most seven": lambda asked: min(asked, 7),
    "at most twenty": lambda asked: min(asked, 20),
    "never under twenty-five": lambda asked: max(asked, 25),
    "always ten": lambda _: 10,
    "always two hundred": lambda _: 200,
    "in whole tens": lambda asked: ceil(asked / 10) * 10,
}


@dataclass
class Page:
    records: list[int]
    per_page: int | None
    total: int | None = None


@dataclass
class Upstream:
    """A list of numbers; lifetime: one window.

    Args:
        length: How many there are.
        size_of: The page size that it serves for the one asked for.
        reported: Returns the page size that it reports for the one it served.
        counts: Whether it reports the length of the list.
        asked: What it was asked: numbers of pages and their sizes.
    """

    length: int
    size_of: Callable[[int], int] = SIZES["as asked for"]
    reported: Callable[[int], int | None] = SIZES["as asked for"]
    counts: bool = False
    asked: list[tuple[int, int]] = field(default_factory=list)

    async def read_page(self, number: int, per_page: int) -> Page:
        self.asked.append((number, per_page))
        size = self.size_of(per_page)
        records = list(range(self.length))[(number - 1) * size : number * size]
        return Page(records, self.reported(size), self.length if self.counts else None)

    async def window(self, start: int, size: int, *, look_further: bool = True) -> Connection[int]:
        listed = NumberedList(UpstreamName.LOGISTICS, "numbers", self.read_page, str)
        return await listed.window(start, size, look_further=look_further)


@pytest.mark.parametrize("counts", [False, True], ids=["no total", "a total"])
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("size_of", SIZES.values(), ids=SIZES)
async def test_a_window_is_right_whatever_size_the_upstream_counts_its_pages_in(
    size_of: Callable[[int], int], length: int, *, counts: bool
) -> None:
    for size in (1, 5, 20, 33):
        for start in range(length + 3):
            upstream = Upstream(length, size_of, counts=counts)

            window = await upstream.window(start, size)

            assert list(window.nodes) == list(range(length))[start : start + size]
            assert window.has_next_page is (start + size < length)
            assert window.total_count == (length if counts else None)
            served = size_of(size)
            spanned = (start + size) // served - start // served + 1
            assert len(upstream.asked) <= spanned + (served != size)


@pytest.mark.parametrize(
    ("reported", "most"),
    [(None, 2), (200, 2), (3, 3)],
    ids=["not at all", "too much", "too little: seen on all but empty"],
)
async def test_a_window_is_right_where_the_page_size_is_reported_wrong_or_not_at_all(
    reported: int | None, most: int
) -> None:
    for start in range(43):
        upstream = Upstream(40, reported=lambda _: reported)

        window = await upstream.window(start, 10)

        assert list(window.nodes) == list(range(40))[start : start + 10]
        assert window.has_next_page is (start + 10 < 40)
        assert len(upstream.asked) <= most


@pytest.mark.parametrize("start", [0, 20, 40])
async def test_a_window_that_is_a_page_costs_one_call_where_nobody_asks_what_is_behind_it(start: int) -> None:
    upstream = Upstream(60)

    window = await upstream.window(start, 20, look_further=False)

    assert list(window.nodes) == list(range(start, start + 20))
    assert upstream.asked == [(start // 20 + 1, 20)]


async def test_a_total_spares_the_call_that_looks_further() -> None:
    upstream = Upstream(60, counts=True)

    window = await upstream.window(20, 20, look_further=False)

    assert window.has_next_page
    assert len(upstream.asked) == 1


async def test_a_page_size_that_changes_between_two_pages_is_followed() -> None:
    served = iter([30, 20, 20, 20])
    upstream = Upstream(100, lambda _: next(served))

    window = await upstream.window(0, 50, look_further=False)

    assert list(window.nodes) == list(range(50))
    assert upstream.asked == [(1, 50), (2, 30), (2, 20), (3, 20)]


async def test_a_page_size_that_never_stands_still_is_a_bad_answer_and_no_endless_search() -> None:
    upstream = Upstream(10_000, lambda asked: 15 if asked == 20 else 20)

    with pytest.raises(UpstreamBadAnswer, match="another size at every call"):
        await upstream.window(40, 20)

    assert len(upstream.asked) == 3


async def test_a_total_beyond_the_last_page_promises_no_page_that_is_not_there() -> None:
    upstream = Upstream(40, counts=True)

    async def read_page(number: int, per_page: int) -> Page:
        page = await upstream.read_page(number, per_page)
        return Page(page.records, page.per_page, 1000)

    window = await NumberedList(UpstreamName.DELIVERIES, "numbers", read_page, str).window(35, 10)

    assert list(window.nodes) == [35, 36, 37, 38, 39]
    assert not window.has_next_page
    assert len(upstream.asked) == 2


async def test_pages_that_lack_some_records_lead_on_to_the_next_ones() -> None:
    asked = []

    async def read_page(number: int, per_page: int) -> Page:
        asked.append(number)
        first = (number - 1) * per_page
        return Page(list(range(first, first + 6)), per_page, 100)

    window = await NumberedList(UpstreamName.DELIVERIES, "numbers", read_page, str).window(0, 10)

    assert list(window.nodes) == [0, 1, 2, 3, 4, 5, 10, 11, 12, 13]
    assert window.has_next_page
    assert asked == [1, 2]
