"""Windows of a list that its upstream serves in numbered pages without telling a total (logistics document)."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from resolvers.connections import Connection, offset_connection

Record = TypeVar("Record")


async def read_window(
    list_name: str,
    start: int,
    size: int,
    read_page: Callable[[int, int], Awaitable[list[Record]]],
    *,
    look_further: bool,
) -> Connection[Record]:
    """The records from `start` on, in one call where the window is a page of its own, else in two.

    Args:
        list_name: Marks the cursors of this list.
        start: How many records stand before the window.
        size: The window's size.
        read_page: Reads a page by its number, from 1, and its size.
        look_further: Whether somebody wants to know if there is more behind the window, which may cost a second call.
    """
    number, skip = divmod(start, size)
    page = await read_page(number + 1, size)
    records = page[skip:]
    if len(page) >= size and (skip or look_further):
        following = await read_page(number + 2, size)
        records = [*records, *following]
    return offset_connection(list_name, start, records[:size], has_next_page=len(records) > size)
