"""Chains futures, so that one ends as another does; asyncio's own functions for that are private."""

import asyncio
from collections.abc import Awaitable
from functools import partial
from typing import TypeVar

Value = TypeVar("Value")


def chain(source: Awaitable[Value], follower: "asyncio.Future[Value]") -> None:
    """Let `follower` end as `source` does, and cancel `source` when `follower` is cancelled."""
    leader = lead(source, follower)
    follower.add_done_callback(partial(_pass_on, leader))


def lead(source: Awaitable[Value], follower: "asyncio.Future[Value]") -> "asyncio.Future[Value]":
    """Let `follower` end as `source` does.

    Returns:
        The future of `source`; the caller cancels it when `follower` is cancelled.
    """
    leader = source if isinstance(source, asyncio.Future) else asyncio.ensure_future(source)
    leader.add_done_callback(partial(_follow, follower))
    return leader


def _follow(follower: "asyncio.Future[Value]", leader: "asyncio.Future[Value]") -> None:
    if leader.cancelled():
        follower.cancel()
        return
    # Retrieved even if nobody waits any more, because asyncio logs an exception that is not.
    error = leader.exception()
    if follower.done():
        return
    if error is None:
        follower.set_result(leader.result())
    else:
        follower.set_exception(error)


def _pass_on(leader: "asyncio.Future[Value]", follower: "asyncio.Future[Value]") -> None:
    if follower.cancelled():
        leader.cancel()
