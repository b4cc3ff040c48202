"""Requests to the simulated SMS service."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from gateway.sandbox.options import SmsOptions

START = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
JOBS = "/rest/v1/jobs"
SMS = "/rest/v1/sms"
BASIC = {"Authorization": "Basic c2FuZGJveC11c2VyOnNhbmRib3gtcGFzc3dvcmQ="}
DEFAULTS = SmsOptions(failing_share=0)
ONE_NUMBER = ("+4917615500001",)
Document = dict[str, Any]
Numbers = tuple[str, ...]


@dataclass(frozen=True)
class Hosts:
    """A client for each of the three hosts."""

    primary: httpx.AsyncClient
    secondary: httpx.AsyncClient
    send: httpx.AsyncClient

    async def post(self, *, text: str = "Hello", numbers: Numbers = ONE_NUMBER, **options: object) -> str:
        answer = await self.send.post(JOBS, json=job(text=text, numbers=numbers, **options))
        assert answer.status_code == 201, answer.status_code
        return str(answer.json()["jobId"])

    async def statuses(self, path: str, **parameters: str) -> list[int]:
        return [(await host.get(path, params=parameters)).status_code for host in (self.primary, self.secondary)]


@dataclass
class Seconds:
    """A manual clock for the request limit, in seconds."""

    now: float = 0.0


def job(*, text: str = "Hello", numbers: Numbers = ONE_NUMBER, **options: object) -> Document:
    return {"options": options, "messages": [{"text": text, "recipients": [{"dst": number} for number in numbers]}]}


async def job_ids(host: httpx.AsyncClient, **parameters: str) -> list[str]:
    answer = await host.get(JOBS, params={"limit": "1000", **parameters})
    assert answer.status_code == 200, answer.status_code
    return [found["jobId"] for found in answer.json()]


async def recipients(host: httpx.AsyncClient, job_id: str) -> list[Document]:
    return list((await host.get(SMS, params={"jobId": job_id})).json())


Connect = Callable[..., AbstractAsyncContextManager[Hosts]]
