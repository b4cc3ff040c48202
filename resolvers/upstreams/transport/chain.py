"""Lets one future end as another does; what asyncio has for that is private to it."""

import asyncio
from collections.abc import Awaitable
from functools import partial
from typing import TypeVar

Value = TypeVar("Value")


def chain(source: Awaitable[Value], follower: "asyncio.Future[Value]") -> None:
    """Let a future end as something begun for it does, and give that up together with the future."""
    leader = lead(source, follower)
    follower.add_done_callback(partial(_pass_on, leader))


def lead(source: Awaitable[Value], follower: "asyncio.Future[Value]") -> "asyncio.Future[Value]":
    """Let a future end as something begun for it does.

    Returns:
        What was begun, to be cancelled when the future is given up.
    """
    leader = source if isinstance(source, asyncio.Future) else asyncio.ensure_future(source)
    leader.add_done_callback(partial(_follow, follower))
    return leader


def _follow(follower: "asyncio.Future[Value]", leader: "asyncio.Future[Value]") -> None:
    if leader.cancelled():
        follower.cancel()
        return
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
