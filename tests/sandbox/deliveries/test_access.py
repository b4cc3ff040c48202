"""Authentication and media types of the simulated send-tasks API."""

from dataclasses import replace

import httpx
import pytest

from gateway.sandbox.clock import ManualClock
from tests.sandbox.deliveries.requests import DEFAULTS, TASKS, Connect, new_task


@pytest.mark.parametrize("authorization", ["", "Bearer wrong", "Basic fixed"])
async def test_a_request_without_a_good_token_is_refused(client: httpx.AsyncClient, authorization: str) -> None:
    answer = await client.get(TASKS, headers={"Authorization": authorization})

    assert answer.status_code == 401
    assert answer.json()["errors"] == [{"detail": "Unauthenticated.", "status": "401", "title": "Unauthorized"}]


async def test_a_token_from_the_login_lets_in_until_it_expires(client: httpx.AsyncClient, clock: ManualClock) -> None:
    login = {"grant_type": "password", "email": "demo@example.com", "password": "sandbox-password"}
    granted = (await client.post("/oauth/token", json=login)).json()
    headers = {"Authorization": f"{granted['token_type']} {granted['access_token']}"}

    fresh = await client.get(TASKS, headers=headers)
    clock.advance(granted["expires_in"])
    expired = await client.get(TASKS, headers=headers)
    refreshed = await client.post(
        "/oauth/token", json={"grant_type": "refresh_token", "refresh_token": granted["refresh_token"]}
    )

    assert (fresh.status_code, expired.status_code, refreshed.status_code) == (200, 401, 200)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"grant_type":"password","email":"demo@example.com","password":"guess"}', "invalid_grant"),
        (b'{"grant_type":"refresh_token","refresh_token":"guess"}', "invalid_grant"),
        (b'{"grant_type":"password","username":"demo@example.com"}', "invalid_request"),
        (b'{"grant_type":"client_credentials"}', "unsupported_grant_type"),
        (b"grant_type=password", "unsupported_grant_type"),
    ],
)
async def test_a_login_that_is_not_right_is_refused(client: httpx.AsyncClient, body: bytes, error: str) -> None:
    answer = await client.post("/oauth/token", content=body)

    assert answer.status_code == 400
    assert answer.json()["error"] == error


async def test_a_refresh_token_is_good_once(client: httpx.AsyncClient) -> None:
    login = {"grant_type": "password", "email": "demo@example.com", "password": "sandbox-password"}
    granted = (await client.post("/oauth/token", json=login)).json()
    refresh = {"grant_type": "refresh_token", "refresh_token": granted["refresh_token"]}

    answers = [await client.post("/oauth/token", json=refresh) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 400]


async def test_media_types_are_held_to(connect: Connect) -> None:
    async with connect() as strict, connect(replace(DEFAULTS, content_type_on_reads=False)) as lenient:
        unacceptable = await strict.get(TASKS, headers={"Accept": "application/json"})
        unsupported = await strict.post(TASKS, json=new_task(), headers={"Content-Type": "application/json"})
        del strict.headers["Content-Type"]
        del lenient.headers["Content-Type"]
        undeclared, allowed = await strict.get(TASKS), await lenient.get(TASKS)

    assert unacceptable.status_code == 406
    assert unsupported.status_code == undeclared.status_code == 415
    assert allowed.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/products/9999", 404),
        ("GET", "/api/v1/dsp-upload-identifications/x", 404),
        ("GET", "/api/v1/send-tasks/1/relationships/dsp", 404),
        ("GET", "/api/v2/send-tasks", 404),
        ("PUT", "/api/v1/send-tasks/1", 405),
    ],
)
async def test_other_paths_and_methods_are_refused_in_the_envelope(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, path)

    assert answer.status_code == status
    assert answer.json()["errors"][0]["status"] == str(status)


async def test_errors_are_plain_json_for_who_does_not_ask_for_json_api(client: httpx.AsyncClient) -> None:
    answer = await client.get(TASKS, headers={"Accept": "*/*", "Authorization": ""})

    assert answer.status_code == 401
    assert answer.json() == {"message": "Unauthenticated."}
