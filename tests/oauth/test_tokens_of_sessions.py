"""The logistics tokens behind a session: kept encrypted, refreshed in time, and readable after a change of keys."""

import asyncio
import stat
from pathlib import Path

from gateway.sandbox.logistics.simulator import LogisticsSimulator
from gateway.sandbox.options import LogisticsOptions
from tests.auth.clocks import Clock
from tests.oauth.gateways import (
    FIRST_KEY,
    SECOND_KEY,
    codes,
    new_logistics,
    running_gateway,
)

DAY = 86_400.0
LONG = {"GATEWAY_SESSIONS__LIFETIME_SECONDS": str(int(90 * DAY))}


def asked(logistics: LogisticsSimulator) -> list[tuple[str, int | None]]:
    """What the logistics API was asked, with its answer's status; and forget it."""
    found = [(request.path, request.status) for request in logistics.requests]
    logistics.requests.clear()
    return found


async def log_in(directory: Path, logistics: LogisticsSimulator, settings: dict[str, str] | None = None) -> str:
    """The token of a new session."""
    async with running_gateway(directory, settings or LONG, logistics=logistics) as gateway, gateway.browser() as phone:
        token: str = (await phone.log_in(token="1")).json()["token"]
        return token


async def ask(
    directory: Path,
    logistics: LogisticsSimulator,
    token: str,
    settings: dict[str, str] | None = None,
    *,
    clock: Clock | None = None,
    times: int = 1,
) -> list[list[str]]:
    """The codes of so many operations at once, of a gateway that has just started."""
    logistics.requests.clear()
    running = running_gateway(directory, settings or LONG, logistics=logistics, clock=clock)
    async with running as gateway, gateway.browser() as phone:
        answers = await asyncio.gather(*(phone.ask(authorization=f"Bearer {token}") for _ in range(times)))
        return [codes(answer) for answer in answers]


def file_in(directory: Path) -> tuple[bytes, int]:
    """All that is in the directory, and who may read the file."""
    kept = b"".join(one.read_bytes() for one in directory.iterdir())
    return kept, stat.S_IMODE((directory / "sessions.sqlite3").stat().st_mode)


async def test_a_session_outlives_the_process(tmp_path: Path) -> None:
    logistics = new_logistics()
    token = await log_in(tmp_path, logistics)

    found = await ask(tmp_path, logistics, token)

    assert found == [[]]
    assert asked(logistics) == [("/platform/tasks", 200)]


async def test_a_token_is_refreshed_ahead_of_its_end_once_for_all_who_wait(tmp_path: Path) -> None:
    logistics, clock = new_logistics(), Clock()
    token = await log_in(tmp_path, logistics)
    clock.advance(31 * DAY)
    logistics.clock.advance(31 * DAY)

    found = await ask(tmp_path, logistics, token, clock=clock, times=5)

    assert found == [[]] * 5
    assert asked(logistics)[0] == ("/oauth2/refresh", 200)
    assert logistics.requests[:] == []


async def test_a_refreshed_token_is_kept(tmp_path: Path) -> None:
    logistics, clock = new_logistics(), Clock()
    token = await log_in(tmp_path, logistics)
    clock.advance(31 * DAY)
    logistics.clock.advance(31 * DAY)
    await ask(tmp_path, logistics, token, clock=clock)

    found = await ask(tmp_path, logistics, token, clock=clock)

    assert found == [[]]
    assert asked(logistics) == [("/platform/tasks", 200)]


async def test_a_token_that_is_refused_is_refreshed_once_more(tmp_path: Path) -> None:
    logistics = new_logistics(LogisticsOptions(token_seconds=60))
    token = await log_in(tmp_path, logistics)
    logistics.clock.advance(60)

    found = await ask(tmp_path, logistics, token)

    assert found == [[]]
    assert asked(logistics) == [("/platform/tasks", 401), ("/oauth2/refresh", 200), ("/platform/tasks", 200)]


async def test_a_session_whose_tokens_are_refused_for_good_says_so_without_secrets(tmp_path: Path) -> None:
    token = await log_in(tmp_path, new_logistics())
    forgetful = new_logistics(LogisticsOptions(token="another-token"))  # knows no refresh token that was issued before
    forgetful.clock.advance(31 * DAY)

    found = await ask(tmp_path, forgetful, token)

    assert found == [["UPSTREAM_AUTH"]]


async def test_neither_session_nor_logistics_tokens_can_be_read_from_the_file(tmp_path: Path) -> None:
    logistics = new_logistics()
    token = await log_in(tmp_path, logistics)

    kept, mode = file_in(tmp_path)

    assert mode == 0o600
    assert token.encode() not in kept
    assert b"eyJ" not in kept


async def test_sessions_live_on_through_a_change_of_keys(tmp_path: Path) -> None:
    logistics = new_logistics()
    token = await log_in(tmp_path, logistics, {**LONG, "GATEWAY_SECRET_KEYS": FIRST_KEY})

    both = await ask(tmp_path, logistics, token, {**LONG, "GATEWAY_SECRET_KEYS": f"{SECOND_KEY},{FIRST_KEY}"})
    new_alone = await ask(tmp_path, logistics, token, {**LONG, "GATEWAY_SECRET_KEYS": SECOND_KEY})
    old_alone = await ask(tmp_path, logistics, token, {**LONG, "GATEWAY_SECRET_KEYS": FIRST_KEY})

    assert both == [[]]
    assert new_alone == [[]]
    assert old_alone == [["UPSTREAM_AUTH"]]


async def test_a_session_is_worth_nothing_without_the_key_that_sealed_it(tmp_path: Path) -> None:
    logistics = new_logistics()
    token = await log_in(tmp_path, logistics, {**LONG, "GATEWAY_SECRET_KEYS": FIRST_KEY})

    found = await ask(tmp_path, logistics, token, {**LONG, "GATEWAY_SECRET_KEYS": SECOND_KEY})

    assert found == [["UPSTREAM_AUTH"]]
    assert asked(logistics) == []
