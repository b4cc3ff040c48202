"""Strawberry's DataLoaders over APIs that give one record a call."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from strawberry.dataloader import DataLoader

from plain.upstreams import Upstreams


def _one_by_one(read: Callable[[str], Awaitable[Any]]) -> Callable[[list[str]], Awaitable[Sequence[Any]]]:
    async def load(keys: list[str]) -> Sequence[Any]:
        return await asyncio.gather(*[read(key) for key in keys])

    return load


class Loaders:
    """A loader for each kind of record; operation lifetime."""

    def __init__(self, upstreams: Upstreams) -> None:
        self.deliveries: DataLoader[str, dict[str, Any]] = DataLoader(load_fn=_one_by_one(upstreams.delivery))
        self.jobs: DataLoader[str, dict[str, Any]] = DataLoader(load_fn=_one_by_one(upstreams.job))
        self.recipients: DataLoader[str, list[dict[str, Any]]] = DataLoader(load_fn=_one_by_one(upstreams.recipients))
        self.tasks: DataLoader[str, dict[str, Any]] = DataLoader(load_fn=_one_by_one(upstreams.task))
