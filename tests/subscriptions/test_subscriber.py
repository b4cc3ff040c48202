"""A reload while a subscription is admitted."""

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import orjson

from gateway.auth.callers import Caller
from gateway.operations.cost.budget import MINUTE, Budgets, Level, LocalBuckets
from gateway.operations.request import GraphQLRequest
from gateway.operations.responses.encoding import ResponseWriter
from tests.subscriptions.feed import Event, Feed, Served
from tests.subscriptions.identities import Identities


class Reloading(LocalBuckets):
    """Buckets that are asked while the settings reload. Lifetime: test."""

    def __init__(self, reload: Callable[[], None]) -> None:
        super().__init__(time.monotonic)
        self._reload = reload

    async def take(
        self, caller: str, calls: int, capacity: int, *, owed: bool = False, seconds: float = MINUTE
    ) -> Level:
        self._reload()
        return await super().take(caller, calls, capacity, owed=owed, seconds=seconds)


async def test_a_subscription_runs_by_the_settings_that_admitted_it(
    served: Served, feed: Feed, identities: Identities
) -> None:
    later = replace(served.stack, writer=ResponseWriter(10))
    buckets = Reloading(lambda: served.subscriber.use(served.execution, later))
    served.subscriber.use(served.execution, replace(served.stack, budgets=Budgets(buckets, 100)))

    async def first_body(event: Event) -> Any:  # noqa: ANN401 - JSON
        request = GraphQLRequest("subscription { events { number } }", None, None, None, True, "request")
        scope = {"type": "http", "headers": []}
        async with aclosing(
            served.subscriber.responses(request, scope, Caller("mei", identities.account))
        ) as responses:
            first = asyncio.ensure_future(anext(responses))
            (await feed.opened.get()).events.put_nowait(event)
            return orjson.loads((await first).body)

    assert (await first_body(Event(1, "c1")))["data"] == {"events": {"number": 1}}
    assert "10 bytes" in (await first_body(Event(2, "c2")))["errors"][0]["message"]
