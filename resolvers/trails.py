"""Marks of the last records that a client has seen, by which its place is found again in a list that has changed."""

import base64
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar
from zlib import crc32

Record = TypeVar("Record")

MARKED: Final = 3
"""Records named by a cursor: where the last has left the list as well, the place is behind the one before."""

_LENGTH: Final = 4
_NO_ID: Final = "." * _LENGTH


def mark_of(record_id: str | None) -> str:
    """24 bits that stand for a record; cursors hold several, so they are short.

    Args:
        record_id: The upstream's own; None where it is not known, which is never found again.
    """
    if record_id is None:
        return _NO_ID
    return base64.urlsafe_b64encode((crc32(record_id.encode()) & 0xFFFFFF).to_bytes(3, "big")).decode()


class Trails(Generic[Record]):
    """The trails that end with each record of a page, worked out when asked for; lives as long as the page.

    Args:
        before: The trail that ends right before the page.
        records: The page's.
        id_of: The upstream's own id of a record; None where it is not known.
    """

    def __init__(self, before: str, records: Sequence[Record], id_of: Callable[[Record], str | None]) -> None:
        self._before = before
        self._records = records
        self._id_of = id_of
        self._marks: dict[int, str] = {}

    def to(self, number: int) -> str:
        """The trail that ends with a record.

        Args:
            number: The record's on the page, from 0.
        """
        recent = "".join([self._mark(one) for one in range(max(0, number + 1 - MARKED), number + 1)])
        return (self._before + recent)[-MARKED * _LENGTH :]

    def _mark(self, number: int) -> str:
        mark = self._marks.get(number)
        if mark is None:
            mark = self._marks[number] = mark_of(self._id_of(self._records[number]))
        return mark


def find_behind(trail: str, ids: Sequence[str | None], expected: int) -> int | None:
    """How many of the records stand before the place right behind a trail; None where nothing of it is there.

    Args:
        trail: Its last mark is that of the last record that was seen.
        ids: Those of the records to look through; None for one that is not known.
        expected: The answer if nothing has changed; of records with the same mark the one nearest to that counts.
    """
    steps = [trail[at : at + _LENGTH] for at in range(0, len(trail), _LENGTH)][-MARKED:]
    if steps and 0 < expected <= len(ids) and mark_of(ids[expected - 1]) == steps[-1] != _NO_ID:
        return expected
    marks = [mark_of(one) for one in ids]
    for number, step in reversed(list(enumerate(steps))):
        found = [place + 1 for place, mark in enumerate(marks) if mark == step != _NO_ID]
        if found:
            nearest = min(found, key=lambda place: abs(place - expected))
            return _past_unknown(marks, nearest, steps[number + 1 :].count(_NO_ID))
    return None


def _past_unknown(marks: Sequence[str], place: int, most: int) -> int:
    """The place behind records without ids that were seen there; such a record is found by its neighbour alone."""
    while most > 0 and place < len(marks) and marks[place] == _NO_ID:
        place, most = place + 1, most - 1
    return place
