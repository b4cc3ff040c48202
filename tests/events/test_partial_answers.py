"""A delivery that was changed without being answered, through the whole gateway: it is read, kept and told."""

import json
from collections.abc import AsyncIterator
from typing import Final

import pytest

from tests.events.test_over_the_wire import QUIET, Followed
from tests.subscriptions.stream_client import SSE
from tests.subscriptions.stream_client import Answer as Stream
from tests.upstreams.recording_server import RecordingServer, recording_server
from tests.upstreams.samples import sample
from tests.world import World, running_world

PATH: Final = "/api/v1/send-tasks/1"
READ: Final = '{ delivery(id: "1") { rawStatus } }'
CHANGE: Final = """mutation { updateDelivery(id: "1", input: { status: WAITING }) {
    delivery { rawStatus } errors { message } } }"""
FOLLOW: Final = 'subscription { statusChanged(ids: ["Delivery:1"]) { rawStatus source } }'


def delivery(status: str) -> bytes:
    document = json.loads(sample("send_task.json"))
    document["data"]["id"] = "1"
    document["data"]["attributes"]["status"] = status
    return json.dumps(document).encode()


@pytest.fixture
async def upstream() -> AsyncIterator[RecordingServer]:
    async with recording_server() as running:
        running.answer("POST", "/oauth/token", b'{"access_token": "token", "expires_in": 3600}')
        running.answer("GET", PATH, delivery("pending"))
        running.answer("PATCH", PATH, status=204)
        yield running


@pytest.fixture
async def world(upstream: RecordingServer) -> AsyncIterator[World]:
    settings = {"GATEWAY_DELIVERIES__URL": f"{upstream.url}/api/v1", "GATEWAY_CACHE__TTL_ACTIVE": "3600"}
    async with running_world({**QUIET, **settings}) as running:
        yield running


async def test_what_is_read_after_the_change_is_answered_and_kept(world: World, upstream: RecordingServer) -> None:
    before = await world.ask(READ)
    upstream.answer("GET", PATH, delivery("waiting"))
    changed = await world.ask(CHANGE)
    after = await world.ask(READ)

    assert before.data == {"delivery": {"rawStatus": "pending"}}
    assert changed.data == {"updateDelivery": {"delivery": {"rawStatus": "waiting"}, "errors": []}}
    assert after.data == {"delivery": {"rawStatus": "waiting"}}
    assert [request.method for request in upstream.requests if request.path == PATH] == ["GET", "PATCH", "GET"]


async def test_what_is_read_after_the_change_is_told_to_those_who_follow_it(
    world: World, upstream: RecordingServer
) -> None:
    request = {"query": FOLLOW}
    async with world.client.stream("POST", f"{world.url}/graphql", json=request, headers={"accept": SSE}) as response:
        followed = Followed(Stream(response))
        await followed.status()
        upstream.answer("GET", PATH, delivery("waiting"))
        await world.ask(CHANGE)
        told = await followed.status()

    assert told == {"rawStatus": "waiting", "source": "MUTATION"}
