"""No path is answered by a redirect to the same with or without a slash: it would repeat what stands in the path."""

import httpx
import pytest

from gateway.app import create_app
from gateway.settings import load_settings

SETTINGS = {
    "GATEWAY_AUTH__ANONYMOUS": "true",
    "GATEWAY_WEBHOOK_SECRET": "planted",
    "GATEWAY_WEBHOOK_ALLOW": "192.0.2.1",
}


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
@pytest.mark.parametrize(
    "path",
    [
        "/graphql/",
        "/livez/",
        "/readyz/",
        "/metrics/",
        "/oauth/logistics",
        "/oauth/logistics/",
        "/oauth/logistics/login/",
        "/oauth/logistics/sessions/",
        "/webhooks/logistics/planted",
        "/webhooks/logistics/planted/",
        "/webhooks/logistics/planted//",
        "/WEBHOOKS/logistics/planted/",
        "/webhooks/planted/",
        "/ide/",
    ],
)
async def test_a_slash_more_or_less_leads_to_no_redirect(path: str, method: str) -> None:
    transport = httpx.ASGITransport(create_app(load_settings(SETTINGS)))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        answer = await client.request(method, path)

    assert not answer.is_redirect
    assert "location" not in answer.headers
    assert "planted" not in answer.text
