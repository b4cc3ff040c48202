"""A supervisor of workers that is killed, so that it can stop none of them."""

import asyncio
import signal

import httpx
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from gateway.sandbox.server import serving
from tests.commands.running import two_workers_running

QUERY = {"query": '{ logisticsTask(id: "1") { taskId } }'}
PATIENCE_SECONDS = 90
"""Well above what a busy machine takes to start two workers."""


class HeldUpstream:
    """Answers no request before it may. Lifetime: one test."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.set()
        await self.may_answer.wait()
        await JSONResponse({}, 404)(scope, receive, send)


async def test_workers_finish_what_has_begun_and_end(redis_url: str, redis_prefix: str) -> None:
    upstream = HeldUpstream()
    async with serving(upstream) as url:
        settings = {"GATEWAY_LOGISTICS__URL": url, "GATEWAY_LOGISTICS__TOKEN": "planted", "GATEWAY_GRACE_SECONDS": "10"}
        with two_workers_running(redis_url, redis_prefix, settings) as started:
            async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_SECONDS) as client:
                asking = asyncio.create_task(client.post(f"{started.url}/graphql", json=QUERY))
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await upstream.asked.wait()

                started.process.send_signal(signal.SIGKILL)
                upstream.may_answer.set()
                answer = await asking
            # The end of its output: no process is left that could write to it.
            _, errors = await asyncio.to_thread(started.process.communicate, timeout=PATIENCE_SECONDS)

    assert (answer.status_code, answer.json()["data"]) == (200, {"logisticsTask": None})
    assert errors.count("The supervisor has ended") == 2
    assert "Traceback" not in errors
