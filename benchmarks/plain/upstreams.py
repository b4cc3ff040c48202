"""The three APIs over httpx, with DataLoaders and the context of an operation."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

import httpx
from strawberry.dataloader import DataLoader
from strawberry.fastapi import BaseContext
from strawberry.types import Info as StrawberryInfo


class Upstreams:
    """One httpx client for the three APIs; process lifetime.

    Args:
        base_url: The server of all three.
    """

    def __init__(self, base_url: str) -> None:
        self._client = httpx.AsyncClient(
            base_url=base_url, headers={"Authorization": "Bearer benchmark"}, timeout=30, trust_env=False
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def deliveries(self, product_id: str | None, first: int) -> list[dict[str, Any]]:
        """Return the first page of the deliveries of a product."""
        parameters = {"page[number]": "1", "page[size]": str(first)}
        if product_id is not None:
            parameters["filter[product-id]"] = product_id
        answer = await self._get("/api/v1/send-tasks", parameters)
        deliveries: list[dict[str, Any]] = answer["data"]
        return deliveries

    async def delivery(self, delivery_id: str) -> dict[str, Any]:
        """Return one delivery."""
        answer = await self._get(f"/api/v1/send-tasks/{delivery_id}")
        delivery: dict[str, Any] = answer["data"]
        return delivery

    async def job_ids(self, parameters: Mapping[str, str]) -> list[str]:
        """Return the ids of the jobs in a time window."""
        return [job["jobId"] for job in await self._get("/rest/v1/jobs", parameters)]

    async def job(self, job_id: str) -> dict[str, Any]:
        """Return the report of one job."""
        job: dict[str, Any] = await self._get(f"/rest/v1/jobs/{job_id}")
        return job

    async def recipients(self, job_id: str) -> list[dict[str, Any]]:
        """Return the reports of a job's recipients."""
        recipients: list[dict[str, Any]] = await self._get("/rest/v1/sms", {"jobId": job_id})
        return recipients

    async def task(self, task_id: str) -> dict[str, Any]:
        """Return one logistics task."""
        task: dict[str, Any] = await self._get(f"/logistics/platform/tasks/{task_id}")
        return task

    async def price(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the price of a route."""
        answer = await self._client.post("/logistics/price", json=request)
        answer.raise_for_status()
        price: dict[str, Any] = answer.json()
        return price

    async def _get(self, path: str, parameters: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401 - any JSON
        answer = await self._client.get(path, params=parameters)
        answer.raise_for_status()
        return answer.json()


def _one_by_one(read: Callable[[str], Awaitable[Any]]) -> Callable[[list[str]], Awaitable[Sequence[Any]]]:
    async def load(keys: list[str]) -> Sequence[Any]:
        return await asyncio.gather(*[read(key) for key in keys])

    return load


class Loaders:
    """DataLoaders over APIs that return one record for each call; operation lifetime."""

    def __init__(self, upstreams: Upstreams) -> None:
        self.deliveries: DataLoader[str, dict[str, Any]] = DataLoader(load_fn=_one_by_one(upstreams.delivery))
        self.jobs: DataLoader[str, dict[str, Any]] = DataLoader(load_fn=_one_by_one(upstreams.job))
        self.recipients: DataLoader[str, list[dict[str, Any]]] = DataLoader(load_fn=_one_by_one(upstreams.recipients))
        self.tasks: DataLoader[str, dict[str, Any]] = DataLoader(load_fn=_one_by_one(upstreams.task))


class Context(BaseContext):
    """The client and new loaders; operation lifetime."""

    def __init__(self, upstreams: Upstreams) -> None:
        super().__init__()
        self.upstreams = upstreams
        self.loaders = Loaders(upstreams)


Info: TypeAlias = StrawberryInfo[Context, None]
