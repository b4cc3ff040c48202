"""Which fields of a response waited, from when and for how long; for clients that want it explained.

Theory of operation
-------------------
Compiled execution notes a wait by its place, the object of the response and the key in it, since it knows no paths;
graphql-core's executor notes it by its path. When the operation has ended, `report` looks for the places in the data::

    place in the data                          -> its path there
    place of an attempt that was given up      -> its path in the partial data of that attempt, whose root is the first
                                                  place that is not in the data
    place that is in neither                   -> left out

Waits at the same path, without the indexes of lists, become one entry.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, TypeAlias

import msgspec
from graphql.pyutils import Path

from resolvers.upstreams.call import Call, CallRecorder, CallSpan

FieldPath: TypeAlias = tuple[str, ...]
"""Response names from the root on, without the indexes of lists."""


class Wait(msgspec.Struct, eq=False):
    """One value that was waited for. Lifetime: operation.

    Args:
        began: From when, in seconds of the event loop's clock.
        ended: Until when; None if it was given up.
    """

    began: float
    ended: float | None = None


class FieldWaits:
    """Records which fields wait. Lifetime: operation.

    Args:
        traced: Records the operation for a distributed trace as well; None if that is not kept.
        clock: The event loop's clock, in seconds.
    """

    def __init__(self, traced: CallRecorder | None, clock: Callable[[], float]) -> None:
        self._traced = traced
        self._clock = clock
        self.began = clock()
        # Places are kept by reference, so that no other object gets their identity.
        self._placed: list[tuple[Any, str, Wait]] = []
        self._located: list[tuple[FieldPath, Wait]] = []

    def begin(self, call: Call) -> CallSpan | None:
        """Begin to record a call in the distributed trace."""
        return None if self._traced is None else self._traced.begin(call)

    def waits(self, place: Any, key: str | int, value: "asyncio.Future[Any]") -> None:  # noqa: ANN401 - see CallRecorder
        """Record that a part of the response waits for a value."""
        if self._traced is not None:
            self._traced.waits(place, key, value)
        # The items of a list are waits of its field, which has one itself where the list was waited for.
        if isinstance(key, str):
            wait = Wait(self._clock())
            self._placed.append((place, key, wait))
            value.add_done_callback(lambda _: self._end(wait))

    async def timed(self, path: Path, value: Awaitable[Any]) -> Any:  # noqa: ANN401 - any value of a resolver
        """Return the value of the field at a path of the response, and record the wait for it."""
        # What a loader had at hand is an ended future: its field does not wait.
        if not (asyncio.isfuture(value) and value.done()):
            wait = Wait(self._clock())
            self._located.append((_names(path.as_list()), wait))
            try:
                return await value
            finally:
                self._end(wait)
        return await value

    def report(self, data: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - JSON
        """Return `extensions.gateway.fields`, in the order in which they began to wait.

        Args:
            data: Of the response.
        """
        placed, located = _by_path(self._places_in(data)), _by_path(self._located)
        entries = [
            # The larger count, because graphql-core waits again for what an attempt that was given up waited for.
            self._entry(path, one + other, max(len(one), len(other)))
            for path in {**placed, **located}
            for one, other in [(placed.get(path, []), located.get(path, []))]
        ]
        return sorted(entries, key=lambda entry: (entry["startMilliseconds"], len(entry["path"])))

    def _end(self, wait: Wait) -> None:
        wait.ended = self._clock()

    def _places_in(self, data: Any) -> Iterator[tuple[FieldPath, Wait]]:  # noqa: ANN401 - JSON
        located = dict(_objects(data, ()))
        given_up: dict[int, FieldPath] | None = None
        for place, name, wait in self._placed:
            path = located.get(id(place))
            if path is None:
                if given_up is None:
                    given_up = dict(_objects(place, ()))
                path = given_up.get(id(place))
            if path is not None:
                yield (*path, name), wait

    def _entry(self, path: FieldPath, waits: list[Wait], count: int) -> dict[str, Any]:
        now = self._clock()
        first = min(wait.began for wait in waits)
        last = max(now if wait.ended is None else wait.ended for wait in waits)
        return {
            "path": list(path),
            "startMilliseconds": milliseconds(first - self.began),
            "milliseconds": milliseconds(last - first),
            "count": count,
        }


def milliseconds(seconds: float) -> float:
    """Return a duration in milliseconds, to the microsecond, and never below zero."""
    return max(0.0, round(seconds * 1000, 3))


def _by_path(waits: Iterable[tuple[FieldPath, Wait]]) -> dict[FieldPath, list[Wait]]:
    found: dict[FieldPath, list[Wait]] = {}
    for path, wait in waits:
        found.setdefault(path, []).append(wait)
    return found


def _names(path: Iterable[str | int]) -> FieldPath:
    return tuple(step for step in path if isinstance(step, str))


def _objects(value: Any, path: FieldPath) -> Iterator[tuple[int, FieldPath]]:  # noqa: ANN401 - JSON
    """Yield the identity and the path of each object of a response."""
    if isinstance(value, dict):
        yield id(value), path
        for name, member in value.items():
            yield from _objects(member, (*path, name))
    elif isinstance(value, list):
        for item in value:
            yield from _objects(item, path)
