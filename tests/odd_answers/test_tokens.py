"""Tokens are read in every form: a lifetime in another form counts, and one that makes no sense is unknown."""

import json
from typing import Final

import pytest

from tests.scripted_gateway import scripted_gateway
from tests.upstreams.samples import sample
from tests.upstreams.test_lenient import BOM

LOGIN: Final = {
    "GATEWAY_DELIVERIES__TOKEN": None,
    "GATEWAY_DELIVERIES__EMAIL": "gateway@example.com",
    "GATEWAY_DELIVERIES__PASSWORD": "password",
}
REFRESH: Final = {"GATEWAY_LOGISTICS__TOKEN": None, "GATEWAY_LOGISTICS__REFRESH_TOKEN": "our refresh token"}


@pytest.mark.parametrize(
    "lifetime",
    [3600, "3600", 3600.0, "3600.0", " 3600 ", None, 0, -1, "0", "-3600", "soon", {}, [], True, 1e400, "1e999"],
)
async def test_a_login_is_good_for_as_long_as_it_says_in_any_form_or_else_until_it_is_refused(lifetime: object) -> None:
    async with scripted_gateway(LOGIN) as gateway:
        granted = json.dumps({"access_token": "T", "expires_in": lifetime, "token_type": "Bearer"})
        gateway.upstream.answer("POST", "/oauth/token", granted.replace("Infinity", "1e400").encode())
        gateway.upstream.answer("GET", "/api/v1/send-tasks/4710", sample("send_task.json"))

        first = await gateway.ask("{ delivery(id: 4710) { sendTaskId } }")
        asked = gateway.asked
        second = await gateway.ask("{ delivery(id: 4710) { sendTaskId } }")

        assert first.data == second.data == {"delivery": {"sendTaskId": "4710"}}
        assert asked == ["POST /oauth/token", "GET /api/v1/send-tasks/4710"]
        assert gateway.asked == ["GET /api/v1/send-tasks/4710"]
        assert gateway.upstream.requests[0].headers["authorization"] == "Bearer T"


@pytest.mark.parametrize(
    ("body", "token"),
    [
        (b'{"access_token": 17, "expires_in": 3600}', "17"),
        (BOM + b'{"access_token": "T"}', "T"),
        (b'{"access_token": "T", "token_type": null, "refresh_token": {}}', "T"),
    ],
)
async def test_a_login_in_another_form_is_read(body: bytes, token: str) -> None:
    async with scripted_gateway(LOGIN) as gateway:
        gateway.upstream.answer("POST", "/oauth/token", body)
        gateway.upstream.answer("GET", "/api/v1/send-tasks/4710", sample("send_task.json"))

        answer = await gateway.ask("{ delivery(id: 4710) { sendTaskId } }")

        assert answer.codes == {}
        assert gateway.upstream.requests[-1].headers["authorization"] == f"Bearer {token}"


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"[]", b'{"access_token": null}', b'{"access_token": ""}', b"T"])
async def test_what_is_no_login_asks_nobody_with_it(body: bytes) -> None:
    async with scripted_gateway(LOGIN) as gateway:
        gateway.upstream.answer("POST", "/oauth/token", body)

        answer = await gateway.ask("{ delivery(id: 4710) { sendTaskId } }")

        assert answer.codes == {"delivery": "UPSTREAM_BAD_ANSWER"}
        assert set(gateway.asked) == {"POST /oauth/token"}


@pytest.mark.parametrize(
    ("body", "token"),
    [
        (b'{"bearer_token": "B"}', "B"),
        (b'{"bearer_token": 17, "refresh_token": null}', "17"),
        (b'{"bearer_token": "B", "refresh_token": {}}', "B"),
        (BOM + b'{"bearer_token": "B", "refresh_token": 18}', "B"),
    ],
)
async def test_a_refreshed_token_in_another_form_is_read(body: bytes, token: str) -> None:
    async with scripted_gateway(REFRESH) as gateway:
        gateway.upstream.answer("POST", "/logistics/oauth2/refresh", body)
        gateway.upstream.answer("GET", "/logistics/platform/tasks/t", sample("logistics_task.json"))

        for _ in range(2):
            answer = await gateway.ask('{ logisticsTask(id: "t") { status } }')

            assert answer.codes == {}
            assert gateway.upstream.requests[-1].headers["authorization"] == f"Bearer {token}"
        assert gateway.asked == ["GET /logistics/platform/tasks/t"]


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b'{"bearer_token": null}', b'{"bearer_token": ""}'])
async def test_what_is_no_refreshed_token_asks_nobody_with_it(body: bytes) -> None:
    async with scripted_gateway(REFRESH) as gateway:
        gateway.upstream.answer("POST", "/logistics/oauth2/refresh", body)

        answer = await gateway.ask('{ logisticsTask(id: "t") { status } }')

        assert answer.codes == {"logisticsTask": "UPSTREAM_BAD_ANSWER"}
        assert set(gateway.asked) == {"POST /logistics/oauth2/refresh"}
