"""Requests to the simulated send-tasks API."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any

import httpx

from gateway.sandbox.options import DeliveriesOptions

MEDIA_TYPE = "application/vnd.api+json"
TASKS = "/api/v1/send-tasks"
HEADERS = {"Authorization": "Bearer fixed", "Accept": MEDIA_TYPE, "Content-Type": MEDIA_TYPE}
DEFAULTS = DeliveriesOptions(token="fixed")
START = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
Document = dict[str, Any]
Connect = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


def new_task(*, product: str = "1", kind: str = "update", deliverable: bool = True, channel: str = "1") -> Document:
    return {
        "data": {
            "type": "send-tasks",
            "attributes": {"deliverable": deliverable, "delivery-type": kind},
            "relationships": {
                "product": {"data": {"type": "products", "id": product}},
                "dsp-upload-identification": {"data": {"type": "dsp-upload-identifications", "id": channel}},
            },
        }
    }


def change(task_id: str, **attributes: str | bool) -> Document:
    named = {name.replace("_", "-"): value for name, value in attributes.items()}
    return {"data": {"type": "send-tasks", "id": task_id, "attributes": named}}


async def first_id(client: httpx.AsyncClient, status: str) -> str:
    found = (await client.get(TASKS, params={"filter[status]": status})).json()["data"]
    return str(found[0]["id"])


async def listed(client: httpx.AsyncClient, **filters: str) -> list[Any]:
    parameters = {f"filter[{name.replace('_', '-')}]": value for name, value in filters.items()}
    answer = await client.get(TASKS, params={**parameters, "page[size]": "100"})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])
