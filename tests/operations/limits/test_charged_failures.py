"""An operation that fails is charged for every call that was made for it, also for those still on their way."""

import asyncio
from typing import Final

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from gateway.sandbox.server import serving
from resolvers.later import together
from tests.world import UNCACHED, running_world

BUDGET: Final = 40
"""As little as the operation may cost: a budget is refilled while a slow machine runs the test, the slower the less."""
WRONG: Final = "17"


class SlowTasks:
    """A send-tasks API that takes no lists of ids, refuses one id at once, and keeps the others waiting."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/oauth/token":
            await JSONResponse({"access_token": "a", "token_type": "Bearer"})(scope, receive, send)
            return
        ids = Request(scope).query_params["filter[id]"]
        self.calls.append(ids)
        if ids == WRONG or "," in ids:
            await JSONResponse({"errors": [{"title": "Bad id"}]}, 400)(scope, receive, send)
            return
        while (await receive())["type"] != "http.disconnect":
            pass


async def test_what_goes_on_beside_a_failure_is_given_up_and_charged() -> None:
    upstream = SlowTasks()
    query = f"{{ deliveries(filter: {{ ids: {[str(one) for one in range(1, 31)]} }}) {{ totalCount }} }}".replace(
        "'", '"'
    )
    async with serving(upstream) as url:
        settings = {
            **UNCACHED,
            "GATEWAY_DELIVERIES__URL": url,
            "GATEWAY_AUTH__CALLS_PER_MINUTE": str(BUDGET),
        }
        async with running_world(settings) as world:
            answer = await world.ask(query)
            left = int(answer.headers["ratelimit-remaining"])

    assert answer.codes == {"deliveries": "BAD_INPUT"}
    assert BUDGET - len(upstream.calls) == pytest.approx(left, abs=5)
    assert len(upstream.calls) > 20


async def test_none_outlives_the_first_that_fails() -> None:
    given_up: list[int] = []

    async def waits(number: int) -> int:
        try:
            await asyncio.Event().wait()
        finally:
            given_up.append(number)
        return number

    async def fails() -> int:
        raise LookupError

    with pytest.raises(LookupError):
        await together([waits(1), fails(), waits(2)])

    assert sorted(given_up) == [1, 2]
