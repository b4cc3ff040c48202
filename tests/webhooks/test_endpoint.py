"""How webhooks are answered, over a real socket and without the rest of the gateway."""

import gzip
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Final

import httpx
import pytest
from starlette.applications import Starlette

from gateway.sandbox.server import serving
from gateway.webhooks.endpoint import LogisticsWebhook, WebhookConfig

PATH = "/webhooks/logistics/secret"


class Hinted:
    """Notes what was hinted at."""

    def __init__(self) -> None:
        self.tasks: list[str] = []

    def __call__(self, kind: str, local_id: str) -> None:
        assert kind == "LogisticsTask"
        self.tasks.append(local_id)


@asynccontextmanager
async def posting(
    hinted: Hinted, *, allow: Sequence[str] = (), trusted: Sequence[str] = ()
) -> AsyncIterator[httpx.AsyncClient]:
    config = WebhookConfig("secret", [ip_network(one) for one in allow], [ip_network(one) for one in trusted])
    async with (
        serving(Starlette(routes=LogisticsWebhook(config, hinted).routes)) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as client,
    ):
        yield client


@pytest.mark.parametrize(
    ("path", "body", "status", "tasks"),
    [
        ("/webhooks/logistics/wrong", b"{}", 404, []),
        ("/webhooks/logistics/%F6", b"{}", 404, []),
        ("/webhooks/logistics/", b"{}", 404, []),
        (PATH, b"x" * (256 * 1024 + 1), 413, []),
        (PATH, b"not json", 400, []),
        (PATH, b"[" * 100_000, 400, []),
        (PATH, b"[]", 400, []),
        (PATH, b"", 200, []),
        (PATH, b"{}", 200, []),
        (PATH, b'{"type": "ping", "timestamp": 1}', 200, []),
        (PATH, b'{"type": "update", "model_name": "Task", "data": {}}', 200, []),
        (PATH, b'{"type": "update", "model_name": "Task", "data": null}', 200, []),
        (PATH, b'{"type": "update", "model_name": "Task", "data": {"id": null}}', 200, []),
        (PATH, b'{"type": "update", "model_name": "Task", "data": {"id": true}}', 400, []),
        (PATH, b'{"type": "update", "model_name": "Task", "data": {"id": ["1"]}}', 400, []),
        (PATH, b'{"type": "update", "model_name": "Task", "data": {"id": ""}}', 400, []),
        (PATH, b'{"type": "update", "model_name": "Driver", "data": {"id": "1"}}', 200, []),
        (PATH, b'{"type": "update", "model_name": "Task", "data": {"id": 7}}', 200, ["7"]),
        (PATH, b'{"type": "update", "model_name": "Task", "data": {"id": "a-b"}, "updates": {}}', 200, ["a-b"]),
        (PATH + "/", b'{"type": "update", "model_name": "Task", "data": {"id": "a-b"}}', 200, ["a-b"]),
        ("/webhooks/logistics/wrong/", b"{}", 404, []),
    ],
)
async def test_webhooks_are_answered_by_what_they_are(path: str, body: bytes, status: int, tasks: list[str]) -> None:
    hinted = Hinted()
    async with posting(hinted) as client:
        answer = await client.post(path, content=body)

    assert (answer.status_code, hinted.tasks) == (status, tasks)


ABOUT_7: Final = b'{"type": "update", "model_name": "Task", "data": {"id": 7}}'


@pytest.mark.parametrize(
    ("coding", "body", "status", "tasks"),
    [
        ("gzip", gzip.compress(ABOUT_7), 200, ["7"]),
        ("GZIP", gzip.compress(ABOUT_7[:20]) + gzip.compress(ABOUT_7[20:]), 200, ["7"]),
        ("identity", ABOUT_7, 200, ["7"]),
        ("gzip", ABOUT_7, 415, []),
        ("gzip", gzip.compress(ABOUT_7)[:-9], 415, []),
        ("br", ABOUT_7, 415, []),
        ("gzip", gzip.compress(b" " * 256 * 1024 + ABOUT_7), 413, []),
        ("gzip", gzip.compress(b" " * 100_000_000), 413, []),
    ],
    ids=["gzip", "two members", "identity", "no gzip", "half a file", "another coding", "too large", "a bomb"],
)
async def test_compressed_webhooks_are_read_and_bounded(
    coding: str, body: bytes, status: int, tasks: list[str]
) -> None:
    hinted = Hinted()
    async with posting(hinted) as client:
        answer = await client.post(PATH, content=body, headers={"content-encoding": coding})

    assert (answer.status_code, hinted.tasks) == (status, tasks)


@pytest.mark.parametrize(
    ("allow", "trusted", "forwarded_for", "status"),
    [
        ("127.0.0.0/8", "127.0.0.1", None, 400),
        ("10.0.0.0/8", "127.0.0.1", None, 403),
        ("10.0.0.0/8", "127.0.0.1", "10.1.2.3", 400),
        ("10.0.0.0/8", "127.0.0.1", "10.1.2.3:4711", 400),
        ("10.0.0.0/8", "127.0.0.1", "10.1.2.3, 192.0.2.9", 403),
        ("10.0.0.0/8", "127.0.0.1", "192.0.2.9, 10.1.2.3", 400),
        ("10.0.0.0/8", "127.0.0.1", "10.1.2.3, nonsense", 403),
        ("10.0.0.0/8", "192.0.2.1", "10.1.2.3", 403),
        ("2001:db8::/32", "127.0.0.1", "[2001:db8::7]:4711", 400),
    ],
)
async def test_webhooks_are_taken_from_listed_addresses_alone_behind_a_trusted_proxy_too(
    allow: str, trusted: str, forwarded_for: str | None, status: int
) -> None:
    headers = {"x-forwarded-for": forwarded_for} if forwarded_for else {}
    async with posting(Hinted(), allow=[allow], trusted=[trusted]) as client:
        answer = await client.post(PATH, content=b"nonsense", headers=headers)

    assert answer.status_code == status
