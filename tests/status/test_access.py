"""Who sees the status page, and how it is protected."""

import re
from base64 import b64encode

import httpx
import pytest

from gateway.status.endpoint import WRONG_KEYS_PER_MINUTE
from tests.status.conftest import KEY, OPERATOR
from tests.world import World, running_world

PATHS = ("/status", "/status/events", "/status/page.css", "/status/page.js")
HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.parametrize("path", PATHS)
async def test_without_a_key_in_the_settings_there_is_no_such_page(path: str) -> None:
    async with running_world() as world:
        answer = await world.client.get(f"{world.url}{path}", auth=OPERATOR)

    assert answer.status_code == 404
    assert "www-authenticate" not in answer.headers


@pytest.mark.parametrize("path", PATHS)
async def test_a_browser_is_asked_for_the_key(world: World, path: str) -> None:
    answer = await world.client.get(f"{world.url}{path}", headers=HTML)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "authorization",
    [
        f"Basic {b64encode(b'operator:wrong').decode()}",
        f"Basic {b64encode(f'somebody:{KEY}'.encode()).decode()}",
        f"Basic {b64encode(KEY.encode()).decode()}",
        f"Bearer {KEY}",
        f"Basic {'A' * 2000}",
        "Basic ~~~",
        "Basic",
    ],
)
async def test_nothing_but_the_user_with_the_key_gets_in(world: World, authorization: str) -> None:
    answer = await world.client.get(f"{world.url}/status", headers={"authorization": authorization})

    assert answer.status_code == 401


async def test_the_key_in_the_address_counts_for_nothing(world: World) -> None:
    answer = await world.client.get(f"{world.url}/status", params={"key": KEY, "operator": KEY})

    assert answer.status_code == 401


async def test_an_address_with_too_many_wrong_keys_waits_even_with_the_right_one(world: World) -> None:
    wrong = [await world.client.get(f"{world.url}/status", auth=("operator", str(n))) for n in range(20)]
    right = await world.client.get(f"{world.url}/status", auth=OPERATOR)

    assert [one.status_code for one in wrong] == [401] * WRONG_KEYS_PER_MINUTE + [429] * (20 - WRONG_KEYS_PER_MINUTE)
    assert right.status_code == 429
    assert int(right.headers["retry-after"]) <= 60 / WRONG_KEYS_PER_MINUTE


async def test_right_keys_and_requests_without_any_are_no_guesses(world: World) -> None:
    for _ in range(2 * WRONG_KEYS_PER_MINUTE):
        await world.client.get(f"{world.url}/status")
        answer = await world.client.get(f"{world.url}/status", auth=OPERATOR)

        assert answer.status_code == 200


async def test_another_site_cannot_use_the_key_that_a_browser_keeps(world: World) -> None:
    image = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}

    hidden = await world.client.get(f"{world.url}/status/events", auth=OPERATOR, headers=image)
    opened = await world.client.get(f"{world.url}/status", auth=OPERATOR, headers=link)

    assert (hidden.status_code, opened.status_code) == (403, 200)


async def test_scripts_get_json_and_browsers_a_page_that_runs_its_own_files_alone(world: World) -> None:
    script = await world.client.get(f"{world.url}/status", auth=OPERATOR)
    page = await world.client.get(f"{world.url}/status", auth=OPERATOR, headers=HTML)

    assert script.headers["content-type"] == "application/json"
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert not re.search(r"<style|style=|<script(?! type=\"module\" src=)|\son\w+=", page.text)
    assert set(re.findall(r"(?:src|href)=\"([^\"?]*)", page.text)) == {"data:,", "/status/page.css", "/status/page.js"}
    for answer in (script, page):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("path", PATHS)
async def test_head_is_answered_without_a_body(world: World, path: str) -> None:
    answer = await world.client.head(f"{world.url}{path}", auth=OPERATOR)

    assert (answer.status_code, answer.content) == (200, b"")


async def test_other_methods_and_paths_do_nothing(world: World) -> None:
    client = httpx.AsyncClient(trust_env=False, auth=OPERATOR)
    async with client:
        assert (await client.post(f"{world.url}/status")).status_code == 405
        assert (await client.get(f"{world.url}/status/build.py")).status_code == 404
        assert (await client.get(f"{world.url}/status/..%2fapp.py")).status_code == 404
