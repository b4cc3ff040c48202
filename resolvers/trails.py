"""Trails: short marks of the ids before a place in a list, by which the place is found again if the list has moved."""

import base64
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar
from zlib import crc32

Record = TypeVar("Record")

MARKED: Final = 3
"""Records in a trail; where the last has left the list, the place is behind the one before it."""

LENGTH: Final = 4
"""Characters of a mark."""
NO_ID: Final = "." * LENGTH


def mark_of(record_id: str | None) -> str:
    """Return the mark of a record: 24 bits, because a cursor holds several.

    Args:
        record_id: The upstream's own id; None where it is unknown, whose mark matches nothing.
    """
    if record_id is None:
        return NO_ID
    return base64.urlsafe_b64encode((crc32(record_id.encode()) & 0xFFFFFF).to_bytes(3, "big")).decode()


class Trails(Generic[Record]):
    """Makes the trails of a page's records on demand; page lifetime.

    Args:
        before: The trail of the record before the page.
        records: The records of the page.
        id_of: Returns the upstream's own id of a record; None where it is unknown.
    """

    def __init__(self, before: str, records: Sequence[Record], id_of: Callable[[Record], str | None]) -> None:
        self._before = before
        self._records = records
        self._id_of = id_of
        self._marks: dict[int, str] = {}

    def to(self, number: int) -> str:
        """Return the trail of a record.

        Args:
            number: The index of the record on the page.
        """
        recent = "".join([self._mark(one) for one in range(max(0, number + 1 - MARKED), number + 1)])
        return (self._before + recent)[-MARKED * LENGTH :]

    def _mark(self, number: int) -> str:
        mark = self._marks.get(number)
        if mark is None:
            mark = self._marks[number] = mark_of(self._id_of(self._records[number]))
        return mark


def find_behind(trail: str, ids: Sequence[str | None], expected: int) -> int | None:
    """Return the index right behind the last record of a trail that is found; None where none is.

    Args:
        trail: Marks, of which the last is of the record before the wanted place.
        ids: The ids of the records to search; None for an unknown id.
        expected: The index if nothing has changed; of several records with the same mark, the nearest counts.
    """
    steps = [trail[at : at + LENGTH] for at in range(0, len(trail), LENGTH)][-MARKED:]
    # Nearly always nothing has changed, and one mark is computed instead of all.
    if steps and 0 < expected <= len(ids) and mark_of(ids[expected - 1]) == steps[-1] != NO_ID:
        return expected
    marks = [mark_of(one) for one in ids]
    for number, step in reversed(list(enumerate(steps))):
        found = [place + 1 for place, mark in enumerate(marks) if mark == step != NO_ID]
        if found:
            nearest = min(found, key=lambda place: abs(place - expected))
            return _past_unknown(marks, nearest, steps[number + 1 :].count(NO_ID))
    return None


def _past_unknown(marks: Sequence[str], place: int, most: int) -> int:
    """Return the index behind up to `most` records without ids, which were part of the trail there."""
    # Such a record has no mark of its own, so it is found only by its neighbour.
    while most > 0 and place < len(marks) and marks[place] == NO_ID:
        place, most = place + 1, most - 1
    return place
