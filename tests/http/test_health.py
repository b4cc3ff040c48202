"""The routes of probes, asked by HEAD."""

import httpx
import pytest

from gateway.app import create_app
from gateway.sandbox.server import serving
from gateway.settings import load_settings


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
async def test_health_and_metrics_answer_a_head_as_a_get_without_its_body(path: str) -> None:
    app = create_app(load_settings({"GATEWAY_AUTH__ANONYMOUS": "true"}))
    async with serving(app) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        get, head = await client.get(path), await client.head(path)

    assert (get.status_code, head.status_code) == (200, 200)
    assert head.headers["content-type"] == get.headers["content-type"]
    assert (bool(get.content), bool(head.content)) == (True, False)
