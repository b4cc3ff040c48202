"""A thousand tasks are created within the default limit on calls, however the upstream answers."""

from typing import Any, Final

import orjson
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from gateway.operations.cost.estimates import CostConfig
from gateway.sandbox.server import serving
from resolvers.chunks import MAX_TASKS_A_CALL
from resolvers.rereading import MAX_REREAD
from tests.contract.documents import TASKS
from tests.world import UNCACHED, running_world

MANY: Final = 1000

CREATE: Final = """mutation($tasks: [LogisticsTaskInput!]!) {
    createLogisticsTasks(tasks: $tasks) {
        tasks { taskId } errors { message ... on UpstreamFailed { outcomeUnknown } } } }"""


class LittleTasks:
    """A logistics API that creates tasks, and answers with them or with only their ids; lifetime: one test."""

    def __init__(self, *, answers_whole: bool) -> None:
        self.answers_whole = answers_whole
        self.created: list[str] = []
        self.calls: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.calls.append(request.method)
        await JSONResponse(await self._answer(request))(scope, receive, send)

    async def _answer(self, request: Request) -> dict[str, Any]:
        if request.method == "GET":
            return self._task(request.url.path.rsplit("/", 1)[-1])
        count = len(orjson.loads(await request.body())["tasks"])
        new = [f"00000000-0000-4000-8000-{len(self.created) + one:012}" for one in range(count)]
        self.created += new
        return {"tasks": [self._task(one) if self.answers_whole else {"id": one} for one in new]}

    def _task(self, own_id: str) -> dict[str, Any]:
        return {"id": own_id, "current_status": "broadcasting"}


@pytest.mark.parametrize(("answers_whole", "read"), [(True, 0), (False, MAX_REREAD)])
async def test_a_thousand_tasks_fit_the_default_limit(answers_whole: bool, read: int) -> None:
    upstream = LittleTasks(answers_whole=answers_whole)
    async with serving(upstream) as url, running_world({**UNCACHED, "GATEWAY_LOGISTICS__URL": url}) as world:
        tasks = {"tasks": TASKS["tasks"] * MANY}
        planned = (await world.ask(CREATE, tasks, {"X-Gateway-Explain": "plan"})).json
        assert "errors" not in planned, str(planned)[:600]
        plan = planned["extensions"]["gateway"]["plan"]
        payload = (await world.ask(CREATE, tasks)).data["createLogisticsTasks"]

    reported = {one["taskId"] for one in payload["tasks"]}
    unreported = set(upstream.created) - reported
    assert upstream.calls == ["POST"] * (MANY // MAX_TASKS_A_CALL) + ["GET"] * read
    assert len(upstream.calls) <= plan["estimate"] <= CostConfig().limit
    assert len(reported) == (read or MANY)
    assert all(one["outcomeUnknown"] for one in payload["errors"])
    assert {one["message"].split()[2] for one in payload["errors"]} == unreported
