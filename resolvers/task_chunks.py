"""Changes of any number of tasks, in calls of as many as the upstream takes at once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from resolvers.errors import GatewayError, InputRefused

Item = TypeVar("Item")
Done = TypeVar("Done")

MAX_TASKS_A_CALL: Final = 20
"""Documented for the creation of tasks; assumed for everything else that takes several."""


async def by_chunks(
    items: Sequence[Item], change: Callable[[Sequence[Item]], Awaitable[Sequence[Done | GatewayError]]]
) -> tuple[list[Done], list[tuple[int, GatewayError]]]:
    """What was done, and what failed with the index of the first item of its call.

    A call may fail as a whole, by raising, or in part, by an error among its results.
    Where there are several calls, an error says which items it is about. Errors that are not ours are a programmer's
    and go on.
    """
    starts = range(0, len(items), MAX_TASKS_A_CALL)
    calls = [change(items[start : start + MAX_TASKS_A_CALL]) for start in starts]
    done: list[Done] = []
    failed: list[tuple[int, GatewayError]] = []
    for start, result in zip(starts, await asyncio.gather(*calls, return_exceptions=True), strict=True):
        if isinstance(result, BaseException) and not isinstance(result, GatewayError):
            raise result
        for one in [result] if isinstance(result, GatewayError) else result:
            if not isinstance(one, GatewayError):
                done.append(one)
                continue
            if len(calls) > 1:
                last = min(start + MAX_TASKS_A_CALL, len(items)) - 1
                for refused in (one, *(one.also if isinstance(one, InputRefused) else ())):
                    refused.message = f"Tasks {start} to {last} of the list: {refused.message}"
            failed.append((start, one))
    return done, failed
