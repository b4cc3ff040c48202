"""Loaders: within one operation a record is asked for once, and ids of one kind asked for together go out together."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class OnceLoader(ABC, Generic[Key, Value]):
    """Loads each key once, however it is fetched; operation lifetime."""

    def __init__(self) -> None:
        self._values: dict[Key, asyncio.Future[Value]] = {}
        self._primed: dict[Key, Value] = {}

    def load(self, key: Key) -> "asyncio.Future[Value]":
        """The value to come; its fetch begins, unless it was asked for before."""
        value = self._values.get(key)
        if value is None:
            value = self._values[key] = done(self._primed[key]) if key in self._primed else self._begin(key)
        return value

    def prime(self, values: Mapping[Key, Value]) -> None:
        """Keep values that came by another way, for keys that were not asked for before."""
        self._primed.update(values)

    def forget(self, key: Key) -> None:
        """Fetch anew when next asked: somebody has just changed it."""
        self._values.pop(key, None)
        self._primed.pop(key, None)

    @abstractmethod
    def _begin(self, key: Key) -> "asyncio.Future[Value]":
        """Begin to fetch the value of a key that was not asked for before."""


class Loader(OnceLoader[Key, Value]):
    """Fetches values one by one, each key once, and all at the same time; operation lifetime.

    Args:
        fetch: Gets one value.
    """

    def __init__(self, fetch: Callable[[Key], Coroutine[Any, Any, Value]]) -> None:
        super().__init__()
        self._fetch = fetch
        self._loop = asyncio.get_running_loop()

    def cancel(self) -> None:
        """Give up what is still on its way."""
        for value in self._values.values():
            value.cancel()

    def _begin(self, key: Key) -> "asyncio.Future[Value]":
        value = self._loop.create_task(self._fetch(key))
        value.add_done_callback(_mark_retrieved)
        return value


class BatchLoader(OnceLoader[Key, Value | None]):
    """Fetches the values asked for in the same turn of the event loop together; operation lifetime.

    Args:
        fetch_many: Gets values for several keys, None where there is none, absent where it cannot tell.
        fetch_one: Gets one value; also asked where `fetch_many` could not tell.
        max_batch: How many keys go together at most.
    """

    def __init__(
        self,
        fetch_many: Callable[[Sequence[Key]], Awaitable[dict[Key, Value | None]]],
        fetch_one: Callable[[Key], Awaitable[Value | None]],
        max_batch: int,
    ) -> None:
        super().__init__()
        self._fetch_many = fetch_many
        self._fetch_one = fetch_one
        self._max_batch = max_batch
        self._waiting: dict[Key, asyncio.Future[Value | None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def cancel(self) -> None:
        """Give up what is still on its way."""
        for task in self._tasks:
            task.cancel()

    def _begin(self, key: Key) -> "asyncio.Future[Value | None]":
        loop = asyncio.get_running_loop()
        value: asyncio.Future[Value | None] = loop.create_future()
        value.add_done_callback(_mark_retrieved)
        if not self._waiting:
            loop.call_soon(self._dispatch)
        self._waiting[key] = value
        return value

    def _dispatch(self) -> None:
        waiting, self._waiting = list(self._waiting.items()), {}
        if len(waiting) == 1:
            self._start(self._load_one(*waiting[0]))
            return
        for start in range(0, len(waiting), self._max_batch):
            self._start(self._load_many(dict(waiting[start : start + self._max_batch])))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _load_one(self, key: Key, value: "asyncio.Future[Value | None]") -> None:
        with _settling([value]):
            found = await self._fetch_one(key)
            if not value.done():
                value.set_result(found)

    async def _load_many(self, batch: "dict[Key, asyncio.Future[Value | None]]") -> None:
        with _settling(batch.values()):
            found = await self._fetch_many(list(batch))
            for key, value in batch.items():
                if key not in found:
                    self._start(self._load_one(key, value))
                elif not value.done():
                    value.set_result(found[key])


class RequestLoader:
    """Asks each question that is no single record, such as a page of a list, once; operation lifetime."""

    def __init__(self) -> None:
        self._answers: dict[Hashable, asyncio.Future[Any]] = {}

    def load(self, request: Hashable, ask: Callable[[], Awaitable[Any]]) -> "asyncio.Future[Any]":
        """The answer to come; it is asked for now, unless the same request was made before.

        Args:
            request: What makes it the same: a name, then its arguments.
            ask: Asks the upstream.
        """
        answer = self._answers.get(request)
        if answer is None:
            answer = self._answers[request] = asyncio.ensure_future(ask())
            answer.add_done_callback(_mark_retrieved)
        return answer

    def cancel(self) -> None:
        """Give up what is still on its way."""
        for answer in self._answers.values():
            answer.cancel()


def done(value: Value) -> "asyncio.Future[Value]":
    """A value that is there already, to be awaited like one to come."""
    future: asyncio.Future[Value] = asyncio.get_running_loop().create_future()
    future.set_result(value)
    return future


def failed(error: Exception) -> "asyncio.Future[Any]":
    """An item that fails when it is awaited, and alone."""
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    future.set_exception(error)
    _mark_retrieved(future)
    return future


@contextmanager
def _settling(values: "Iterable[asyncio.Future[Any]]") -> Iterator[None]:
    """Hand a failure of the fetch to all who wait for it."""
    try:
        yield
    except asyncio.CancelledError:
        for value in values:
            value.cancel()
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the waiting ones' to handle
        for value in values:
            if not value.done():
                value.set_exception(error)


def _mark_retrieved(future: "asyncio.Future[Any]") -> None:
    """A value fetched ahead that nobody came for is no error worth a log line."""
    if not future.cancelled():
        future.exception()
