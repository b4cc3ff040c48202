"""Several calls at once, none of which outlives those that it is made for."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

Result = TypeVar("Result")


async def together(calls: Iterable[Coroutine[Any, Any, Result]]) -> list[Result]:
    """What all of them come to, in their order.

    Where one fails the others are given up before that is told: a call that went on would be charged to nobody.

    Raises:
        Exception: as the first that failed did.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call) for call in calls]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]
