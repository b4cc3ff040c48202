"""The simulated logistics API, served for one test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from gateway.sandbox.clock import ManualClock
from gateway.sandbox.logistics.simulator import LogisticsSimulator, create_logistics
from gateway.sandbox.options import LogisticsOptions
from tests.sandbox.connection import connected

NOON = datetime(2024, 5, 6, 12, 0, tzinfo=UTC)
OPTIONS = LogisticsOptions()


@dataclass
class LogisticsServer:
    """A running simulator, with a client that sends the fixed bearer token."""

    simulator: LogisticsSimulator
    clock: ManualClock
    http: httpx.AsyncClient

    async def tasks(self, *statuses: str) -> list[dict[str, Any]]:
        """The tasks in these statuses, the oldest first."""
        listed = (await self.http.get("/platform/tasks")).json()["tasks"]
        return [task for task in listed if task["current_status"] in statuses]

    async def task(self, task_id: str) -> dict[str, Any]:
        """One task as it is now."""
        detail: dict[str, Any] = (await self.http.get(f"/platform/tasks/{task_id}")).json()
        return detail

    async def create(self, path: str = "/platform/tasks", **fields: object) -> dict[str, Any]:
        """A new task with these fields, the others as `new_task` has them."""
        answer = await self.http.post(path, json={"tasks": [new_task(**fields)]})
        created: dict[str, Any] = answer.json()["tasks"][0]
        return created


@asynccontextmanager
async def logistics_server(options: LogisticsOptions = OPTIONS, *, seed: int = 1) -> AsyncIterator[LogisticsServer]:
    """A simulator at NOON."""
    clock = ManualClock(NOON)
    simulator = create_logistics(clock, seed=seed, options=options)
    async with connected(simulator.app, {"authorization": f"Bearer {options.token}"}) as http:
        yield LogisticsServer(simulator, clock, http)


def new_task(**fields: object) -> dict[str, Any]:
    """The body of a task that is valid at NOON, with some fields replaced."""
    return {
        "tracking_id": "TRACK-NEW",
        "from_address": {"street_address": "8 Jurong Port Road", "latitude": 1.3078, "longitude": 103.7175},
        "from_time_window": {"start_time_utc": "2024-05-06T14:00:00Z", "end_time_utc": "2024-05-06T16:00:00Z"},
        "from_contact": {"name": "Ong Mei Ling", "phone": "+6569965309"},
        "to_address": {"street_address": "31 Marina Coastal Drive", "zip_code": "018988"},
        "to_time_window": {"start_time_utc": "2024-05-06T16:00:00Z", "end_time_utc": "2024-05-06T20:00:00Z"},
        "to_contact": {"name": "Ravi Pillai"},
        "price": 200_000,
        "currency": "SGD",
        "items": [{"name": "Mooring rope", "quantity": 2}],
        **fields,
    }
