"""Asks the three APIs by httpx, and gives back their JSON."""

from collections.abc import Mapping
from typing import Any

import httpx


class Upstreams:
    """One httpx client for all three; process lifetime.

    Args:
        base_url: The server that stands for all of them.
    """

    def __init__(self, base_url: str) -> None:
        self._client = httpx.AsyncClient(
            base_url=base_url, headers={"Authorization": "Bearer benchmark"}, timeout=30, trust_env=False
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def deliveries(self, product_id: str | None, first: int) -> list[dict[str, Any]]:
        """The first page of the deliveries of a product."""
        parameters = {"page[number]": "1", "page[size]": str(first)}
        if product_id is not None:
            parameters["filter[product-id]"] = product_id
        answer = await self._get("/api/v1/send-tasks", parameters)
        deliveries: list[dict[str, Any]] = answer["data"]
        return deliveries

    async def delivery(self, delivery_id: str) -> dict[str, Any]:
        """One delivery."""
        answer = await self._get(f"/api/v1/send-tasks/{delivery_id}")
        delivery: dict[str, Any] = answer["data"]
        return delivery

    async def job_ids(self, parameters: Mapping[str, str]) -> list[str]:
        """The ids of a window's jobs."""
        return [job["jobId"] for job in await self._get("/rest/v1/jobs", parameters)]

    async def job(self, job_id: str) -> dict[str, Any]:
        """One job's report."""
        job: dict[str, Any] = await self._get(f"/rest/v1/jobs/{job_id}")
        return job

    async def recipients(self, job_id: str) -> list[dict[str, Any]]:
        """The reports on a job's recipients."""
        recipients: list[dict[str, Any]] = await self._get("/rest/v1/sms", {"jobId": job_id})
        return recipients

    async def task(self, task_id: str) -> dict[str, Any]:
        """One logistics task."""
        task: dict[str, Any] = await self._get(f"/logistics/platform/tasks/{task_id}")
        return task

    async def price(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """What a way would cost."""
        answer = await self._client.post("/logistics/price", json=request)
        answer.raise_for_status()
        price: dict[str, Any] = answer.json()
        return price

    async def _get(self, path: str, parameters: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401 - any JSON
        answer = await self._client.get(path, params=parameters)
        answer.raise_for_status()
        return answer.json()
