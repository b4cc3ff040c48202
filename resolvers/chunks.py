"""Makes a change of any number of items in calls of up to 20, each of which fails by itself."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from resolvers.errors import GatewayError, InputRefused

Item = TypeVar("Item")
Done = TypeVar("Done")
Failure = TypeVar("Failure", bound=GatewayError)

MAX_TASKS_A_CALL: Final = 20
"""Tasks in one call: documented for their creation, assumed for all other changes of several tasks."""


async def by_chunks(
    items: Sequence[Item], change: Callable[[int, Sequence[Item]], Awaitable[Sequence[Done | GatewayError]]]
) -> tuple[list[Done], list[tuple[int, GatewayError]]]:
    """Make a change in concurrent calls of up to 20 items; return the results, and the errors with their call's start.

    A call fails as a whole by raising, or in part by an error among its results.

    Args:
        items: The items to change.
        change: Changes some items in one call; the number is that of the call.

    Returns:
        The results, and each error with the index of the first item of its call. Of several calls, the message of an
        error names the items of its call.

    Raises:
        Exception: An exception that is no `GatewayError`, after all calls have ended.
    """
    starts = range(0, len(items), MAX_TASKS_A_CALL)
    calls = [change(number, items[start : start + MAX_TASKS_A_CALL]) for number, start in enumerate(starts)]
    done: list[Done] = []
    failed: list[tuple[int, GatewayError]] = []
    # Not `together`: a call that fails must not cancel the others, which change tasks.
    for start, result in zip(starts, await asyncio.gather(*calls, return_exceptions=True), strict=True):
        # An unexpected exception is a bug, and no outcome of some tasks.
        if isinstance(result, BaseException) and not isinstance(result, GatewayError):
            raise result
        for one in [result] if isinstance(result, GatewayError) else result:
            if not isinstance(one, GatewayError):
                done.append(one)
                continue
            last = min(start + MAX_TASKS_A_CALL, len(items)) - 1
            failed.append((start, _about(one, f"Tasks {start} to {last} of the list") if len(calls) > 1 else one))
    return done, failed


def _about(error: Failure, tasks: str) -> Failure:
    """Return a copy of an error whose messages name the tasks that it is about."""
    # A copy, because calls may share an error, such as that of the token that they waited for together.
    named = type(error).__new__(type(error), *error.args)
    named.__dict__.update(error.__dict__, message=f"{tasks}: {error.message}")
    named.__cause__ = error
    if isinstance(named, InputRefused):
        named.also = tuple(_about(one, tasks) for one in named.also)
    return named
