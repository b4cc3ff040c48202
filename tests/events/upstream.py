"""An upstream in memory whose things a test moves by hand; the clients above it are the real ones."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from resolvers.accounts import Account
from resolvers.upstreams.call import Answer, Call
from resolvers.upstreams.deliveries.client import DeliveriesClient, DeliveriesConfig
from resolvers.upstreams.logistics.base_client import LogisticsConfig
from resolvers.upstreams.logistics.client import LogisticsClient
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.sms.client import SmsClient, SmsConfig

BASE = "http://upstream.invalid"


class Upstream:
    """All three upstreams at once; lives as long as a test.

    Attributes:
        tasks: The status of each task.
        deliveries: The status of each delivery.
        recipients: By job, the processStatus of each recipient.
        updated: What the upstream says when a task or delivery was changed; a delivery's is now where left out.
        calls: How often each operation was called.
        reads: How often each task was read.
        lost_once: Tasks that the next call for them does not find.
        garbled: Deliveries and tasks that are answered in a form that no document describes.
        down: While set, everything answers 503.
        travel: What each call waits for on its way there, and again on its way back.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.tasks: dict[str, str] = {}
        self.deliveries: dict[str, str] = {}
        self.recipients: dict[str, dict[str, str]] = {}
        self.finished_jobs: set[str] = set()
        self.updated: dict[str, datetime] = {}
        self.calls: Counter[str] = Counter()
        self.reads: Counter[str] = Counter()
        self.lost_once: set[str] = set()
        self.garbled: set[str] = set()
        self.down = False
        self.travel: Callable[[], Awaitable[None]] | None = None

    def account(self, identity: str = "own") -> Account:
        return Account(
            identity,
            {
                UpstreamName.DELIVERIES: DeliveriesClient(self, DeliveriesConfig(BASE)),
                UpstreamName.SMS: SmsClient([self], self, SmsConfig((BASE,), BASE)),
                UpstreamName.LOGISTICS: LogisticsClient(self, LogisticsConfig(BASE)),
            },
        )

    async def send(self, call: Call) -> Answer:
        self.calls[call.operation] += 1
        if self.travel is not None:
            await self.travel()
        answered = self._answer(call)
        if self.travel is not None:
            await self.travel()
        return answered

    def _answer(self, call: Call) -> Answer:
        if self.down:
            return Answer(503, {}, b"")
        parts = urlsplit(call.url)
        query = parse_qs(parts.query)
        last = unquote(parts.path.rsplit("/", 1)[-1])
        lists = {"deliveries": self._all_deliveries, "platform_list_tasks": self._all_tasks, "job_ids": self._all_jobs}
        if call.operation in lists:
            return _found(lists[call.operation](query))
        match call.operation:
            case "platform_task_detail":
                return _found(self._task(last))
            case "delivery":
                return _found({"data": self._delivery(last)} if last in self.deliveries else None)
            case "deliveries_by_id":
                return _found(self._delivery_page(query["filter[id]"][0].split(",")))
            case "recipients":
                return _found(self._recipients(query["jobId"][0]))
            case "job_report":
                return _found(self._job(last))
        raise AssertionError(f"{call.operation} is not scripted")

    def _task(self, task_id: str) -> dict[str, Any] | None:
        if task_id not in self.tasks or task_id in self.lost_once:
            self.lost_once.discard(task_id)
            return None
        self.reads[task_id] += 1
        if task_id in self.garbled:
            return {"id": task_id, "current_status": {}}
        return {"id": task_id, "current_status": self.tasks[task_id], "updated_at": self.updated_at(task_id)}

    def _delivery(self, delivery_id: str) -> dict[str, Any]:
        if delivery_id in self.garbled:
            return {"type": "send-tasks", "id": delivery_id, "attributes": {"status": {}}}
        return {
            "type": "send-tasks",
            "id": delivery_id,
            "attributes": {
                "deliverable": True,
                "delivery-type": "delivery",
                "status": self.deliveries[delivery_id],
                "created-at": "2029-12-31T00:00:00Z",
                "updated-at": self.updated_at(delivery_id) or self._now().isoformat(),
            },
        }

    def _all_deliveries(self, query: dict[str, list[str]]) -> dict[str, Any]:
        status = query.get("filter[status]", [""])[0]
        matching = [one for one, word in self.deliveries.items() if status in {"", word}]
        size = int(query["page[size]"][0])
        found = _page(matching, query["page[number]"], query["page[size]"])
        meta = {"page": {"total": len(matching), "perPage": size}}
        return {"data": [self._delivery(one) for one in found], "meta": meta}

    def _all_tasks(self, query: dict[str, list[str]]) -> dict[str, Any]:
        newest_first = list(self.tasks)[:: -1 if query["order"] == ["desc"] else 1]
        return {"meta": {}, "tasks": [self._task(one) for one in _page(newest_first, query["page"], query["per_page"])]}

    def _all_jobs(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        still_open = query["open"] == ["true"]
        return [{"jobId": one} for one in self.recipients if (one not in self.finished_jobs) is still_open]

    def updated_at(self, local_id: str) -> str | None:
        """What it says when a task or delivery was changed."""
        moment = self.updated.get(local_id)
        return None if moment is None else moment.isoformat()

    def _delivery_page(self, ids: list[str]) -> dict[str, Any]:
        found = [self._delivery(one) for one in ids if one in self.deliveries]
        return {"data": found, "meta": {"page": {"total": len(found), "perPage": 50}}}

    def _recipients(self, job_id: str) -> list[dict[str, Any]]:
        return [
            {"smsId": sms_id, "dst": "+491", "processStatus": status}
            for sms_id, status in self.recipients.get(job_id, {}).items()
        ]

    def _job(self, job_id: str) -> dict[str, Any] | None:
        if job_id not in self.recipients:
            return None
        finished = {"finishedTs": self._now().isoformat()} if job_id in self.finished_jobs else {}
        return {"jobId": job_id, "recipientIds": list(self.recipients[job_id]), **finished}


class Travel:
    """Holds calls up, and counts those that are given up; lives one test."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self.given_up = 0

    async def __call__(self) -> None:
        try:
            await self.arrived.wait()
        except asyncio.CancelledError:
            self.given_up += 1
            raise


def _page(ids: list[str], number: list[str], size: list[str]) -> list[str]:
    begin = (int(number[0]) - 1) * int(size[0])
    return ids[begin : begin + int(size[0])]


def _found(body: object | None) -> Answer:
    return Answer(404, {}, b"{}") if body is None else Answer(200, {}, json.dumps(body).encode())
