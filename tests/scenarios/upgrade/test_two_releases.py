"""The release before and this one, each a process of its own, over one Redis and the same upstreams."""

import asyncio
import io
import os
import signal
import subprocess
import tarfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from gateway.commands.sandbox import sandbox_environment
from gateway.sandbox.logistics.tasks import Task
from tests.commands.running import ROOT, SERVE, Running, running
from tests.events.test_over_the_wire import PATH, QUIET, Followed, body_about, move
from tests.subscriptions.stream_client import SSE, Answer
from tests.world import World, running_world

BEFORE: Final = "74a86829646d1963a37fd923c4a47bfdf20f8f68"
"""The commit that stands for the release before: every change of keys or entries in Redis has to get along with it."""

PATIENCE_SECONDS: Final = 120
FOLLOW: Final = """subscription($ids: [ID!]!, $after: String) { statusChanged(ids: $ids, after: $after) {
  kind cursor rawStatus previousRawStatus problem { code } node { id }
} }"""
STATUS: Final = "query($id: ID!) { logisticsTask(id: $id) { rawStatus } }"
CANCEL: Final = 'mutation($id: ID!) { cancelLogisticsTask(id: $id, reason: "Late") { task { rawStatus } } }'
REGISTERED: Final = ("{ __typename }", "{ deliveries(first: 1) { totalCount } }")
MOVES: Final = ("accepted", "pending_pickup", "pickup_arriving")


@pytest.fixture(scope="module")
def folder_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    command = ["git", "-C", str(ROOT), "archive", BEFORE, "gateway", "schema", "resolvers"]
    archived = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - our own command
    if archived.returncode != 0:
        pytest.skip(f"This checkout has no commit {BEFORE[:8]}: it is a shallow clone or none at all.")
    folder = tmp_path_factory.mktemp("before")
    with tarfile.open(fileobj=io.BytesIO(archived.stdout)) as tree:
        tree.extractall(folder, filter="data")
    return folder


@dataclass
class Gateway:
    """One of the two. Lifetime: one test."""

    process: Running
    client: httpx.AsyncClient
    events: list[dict[str, Any]] = field(default_factory=list)

    async def ask(self, query: str | None, variables: Mapping[str, Any] | None = None, **more: Any) -> Any:  # noqa: ANN401 - JSON
        body = {"query": query, "variables": variables, **more}
        answer = (await self.client.post(f"{self.process.url}/graphql", json=body)).json()
        assert "errors" not in answer, answer
        return answer["data"]

    async def status(self, task: Task) -> str:
        found: str = (await self.ask(STATUS, {"id": task.id}))["logisticsTask"]["rawStatus"]
        return found

    @asynccontextmanager
    async def following(self, ids: list[str], after: str | None = None) -> AsyncIterator[Followed]:
        body = {"query": FOLLOW, "variables": {"ids": ids, "after": after}}
        accepted = {"accept": SSE}
        async with self.client.stream("POST", f"{self.process.url}/graphql", json=body, headers=accepted) as response:
            yield Followed(Answer(response))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running_world(QUIET) as started:
        yield started


@pytest.fixture
async def both(
    world: World, folder_before: Path, redis_url: str, redis_prefix: str, tmp_path: Path
) -> AsyncIterator[tuple[Gateway, Gateway]]:
    """The release before and this one."""
    environment = {
        **os.environ,
        **sandbox_environment(world.urls, 0, tmp_path),
        **QUIET,
        "GATEWAY_REDIS_URL": redis_url,
        "GATEWAY_REDIS_PREFIX": redis_prefix,
        "GATEWAY_AUTH__CALLS_PER_MINUTE": "10000",
    }
    with (
        running(SERVE, environment, announced_by="stderr", folder=folder_before) as before,
        running(SERVE, environment, announced_by="stderr") as now,
    ):
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_SECONDS) as client:
            yield Gateway(before, client), Gateway(now, client)
        errors = [one.stop(signal.SIGTERM) for one in (before, now)]
    assert [text for text in errors if "Traceback" in text or "cannot be read" in text] == []


async def changes(followed: Followed, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while len(found) < count:
        event = await followed.status()
        assert event["kind"] in ("SNAPSHOT", "CHANGE"), event
        if event["kind"] == "CHANGE":
            found.append(event)
    return found


def told(events: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(one["node"]["id"], one["previousRawStatus"], one["rawStatus"]) for one in events]


def followable(world: World, count: int) -> list[Task]:
    return [task for task in world.logistics.tasks if task.status(world.clock.now()) == "broadcasting"][:count]


def numbered(gateways: tuple[Gateway, Gateway]) -> Iterator[tuple[Gateway, Gateway]]:
    """Each of the two, with the other."""
    yield gateways
    yield gateways[1], gateways[0]


async def test_no_event_is_lost_and_no_answer_wrong_while_both_run(world: World, both: tuple[Gateway, Gateway]) -> None:
    tasks = followable(world, 3)
    ids = [f"LogisticsTask:{task.id}" for task in tasks]
    async with both[0].following(ids) as by_old, both[1].following(ids) as by_new:
        for followed in (by_old, by_new):
            assert {(await followed.status())["kind"] for _ in ids} == {"SNAPSHOT"}
        expected: list[tuple[str, str, str]] = []
        heard: tuple[list[dict[str, Any]], ...] = ([], [])
        for step, task in enumerate(tasks * len(MOVES)):
            one = both[step % 2]
            before, after = task.status(world.clock.now()), MOVES[step // len(tasks)]
            move(world, task, after)
            await one.client.post(one.process.url + PATH, json=body_about(task))
            expected.append((ids[step % len(tasks)], before, after))
            for found, followed in zip(heard, (by_old, by_new), strict=True):
                found.extend(await changes(followed, 1))
            # The process that noticed a change has it forgotten everywhere only after it has logged it.
            async with asyncio.timeout(PATIENCE_SECONDS):
                while {await gateway.status(task) for gateway in both} != {after}:  # noqa: ASYNC110 - over sockets
                    await asyncio.sleep(0.05)

    assert [told(found) for found in heard] == [expected, expected]
    for (_, other), found in zip(numbered(both), heard, strict=True):
        async with other.following(ids, found[3]["cursor"]) as resumed:
            assert told(await changes(resumed, len(expected) - 4)) == expected[4:]


async def test_what_one_changes_the_other_has_and_what_one_keeps_the_other_finds(
    world: World, both: tuple[Gateway, Gateway]
) -> None:
    for (one, other), task, document in zip(numbered(both), followable(world, 2), REGISTERED, strict=True):
        before = [await gateway.status(task) for gateway in (one, other)]
        await one.ask(CANCEL, {"id": task.id})
        after = [await gateway.status(task) for gateway in (other, one)]
        named = {"persistedQuery": {"version": 1, "sha256Hash": sha256(document.encode()).hexdigest()}}
        registered = await one.ask(document, extensions=named)

        assert (before, after) == (["broadcasting"] * 2, ["cancelled"] * 2)
        assert await other.ask(None, extensions=named) == registered
