"""A logistics API that replaces the refresh token at each use: the new one is kept, over processes and restarts."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.sandbox.logistics.simulator import LogisticsSimulator
from gateway.sandbox.options import LogisticsOptions
from resolvers.errors import UpstreamAuth
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.logistics.tokens import LogisticsTokenPair, RefreshAnswer, TokenRefresher
from resolvers.upstreams.names import UpstreamName
from tests.auth.clocks import Clock
from tests.oauth.gateways import FIRST_KEY, OPTIONS, SECOND_KEY, codes, new_logistics, running_gateway
from tests.oauth.test_tokens_of_sessions import DAY, LONG, file_in, log_in

REPLACING = LogisticsOptions(replaces_refresh_tokens=True)
OWN = {
    "GATEWAY_LOGISTICS__TOKEN": "",
    "GATEWAY_LOGISTICS__REFRESH_TOKEN": OPTIONS.refresh_token,
    "GATEWAY_SECRET_KEYS": FIRST_KEY,
}


@dataclass
class Time:
    """The months pass for the API and for the gateways; lives one test."""

    logistics: LogisticsSimulator
    clock: Clock = field(default_factory=Clock)

    def advance(self, days: float) -> None:
        self.clock.advance(days * DAY)
        self.logistics.clock.advance(days * DAY)

    @property
    def refreshes(self) -> list[int | None]:
        """What each refresh was answered."""
        return [request.status for request in self.logistics.requests if request.path == "/oauth2/refresh"]


@pytest.fixture
def time() -> Time:
    return Time(new_logistics(REPLACING))


@asynccontextmanager
async def processes(
    directory: Path, time: Time, settings: dict[str, str], *, count: int = 1, token: str | None = None
) -> AsyncIterator[Callable[[], Awaitable[list[list[str]]]]]:
    """Start some gateways; asks one operation of each at the same time, for the codes of its errors."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with AsyncExitStack() as running:
        gateways = [
            await running.enter_async_context(
                running_gateway(directory, settings, logistics=time.logistics, clock=time.clock)
            )
            for _ in range(count)
        ]
        browsers = [await running.enter_async_context(gateway.browser()) for gateway in gateways]

        async def ask() -> list[list[str]]:
            return [codes(one) for one in await asyncio.gather(*(browser.ask(**headers) for browser in browsers))]

        yield ask


async def ask_once(directory: Path, time: Time, settings: dict[str, str], token: str | None = None) -> list[str]:
    """Ask a gateway that has just started, and end it."""
    async with processes(directory, time, settings, token=token) as ask:
        (found,) = await ask()
        return found


async def test_a_session_goes_on_with_the_refresh_token_that_it_was_given_last(tmp_path: Path, time: Time) -> None:
    token = await log_in(tmp_path, time.logistics)

    for _ in range(2):
        time.advance(31)
        assert await ask_once(tmp_path, time, LONG, token) == []

    assert time.refreshes == [200, 200]


async def test_the_gateway_s_own_account_goes_on_after_a_restart(tmp_path: Path, time: Time) -> None:
    for _ in range(3):
        assert await ask_once(tmp_path, time, OWN) == []
        time.advance(31)

    assert time.refreshes == [200, 200, 200]


async def test_a_bearer_token_that_is_still_good_is_used_after_a_restart(tmp_path: Path, time: Time) -> None:
    for _ in range(3):
        assert await ask_once(tmp_path, time, OWN) == []

    assert time.refreshes == [200]


async def test_a_configured_bearer_token_is_used_until_it_is_refused(tmp_path: Path, time: Time) -> None:
    settings = {**OWN, "GATEWAY_LOGISTICS__TOKEN": OPTIONS.token}
    assert await ask_once(tmp_path, time, settings) == []
    assert time.refreshes == []

    settings["GATEWAY_LOGISTICS__TOKEN"] = "too-old"
    for _ in range(2):
        assert await ask_once(tmp_path, time, settings) == []

    assert time.refreshes == [200]


async def test_an_account_whose_settings_name_another_refresh_token_begins_with_that(
    tmp_path: Path, time: Time
) -> None:
    await ask_once(tmp_path, time, OWN)
    tokens = time.logistics.credentials.exchange_code(
        {
            "client_key": OPTIONS.client_key,
            "secret_key": OPTIONS.secret_key,
            "code": time.logistics.credentials.issue_code(),
        }
    )
    time.logistics.requests.clear()

    found = await ask_once(tmp_path, time, {**OWN, "GATEWAY_LOGISTICS__REFRESH_TOKEN": tokens["refresh_token"]})

    assert found == []
    assert time.refreshes == [200]


async def test_the_tokens_of_accounts_are_kept_encrypted_and_through_a_change_of_keys(
    tmp_path: Path, time: Time
) -> None:
    await ask_once(tmp_path, time, OWN)
    stored, mode = file_in(tmp_path)

    found = await ask_once(tmp_path, time, {**OWN, "GATEWAY_SECRET_KEYS": f"{SECOND_KEY},{FIRST_KEY}"})

    assert mode == 0o600
    assert b"eyJ" not in stored
    assert OPTIONS.refresh_token.encode() not in stored
    assert found == []
    assert time.refreshes == [200]


async def test_without_secret_keys_the_operator_is_told_what_a_restart_loses(
    tmp_path: Path, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    settings = {**OWN, "GATEWAY_SECRET_KEYS": ""}

    first = await ask_once(tmp_path, time, settings)
    second = await ask_once(tmp_path, time, settings)

    assert (first, second) == ([], ["UPSTREAM_AUTH"])
    assert "set GATEWAY_SECRET_KEYS" in caplog.text
    assert not (tmp_path / "sessions.sqlite3").exists()


@pytest.mark.parametrize("secret_keys", [FIRST_KEY, ""])
async def test_several_processes_refresh_the_own_account_once_for_all(
    tmp_path: Path, time: Time, redis_url: str, redis_prefix: str, secret_keys: str
) -> None:
    shared = {"GATEWAY_REDIS_URL": redis_url, "GATEWAY_REDIS_PREFIX": redis_prefix, "GATEWAY_SECRET_KEYS": secret_keys}
    async with processes(tmp_path, time, {**OWN, **shared}, count=4) as ask:
        assert await ask() == [[]] * 4
        assert time.refreshes == [200]
        time.advance(31)
        assert await ask() == [[]] * 4

    assert time.refreshes == [200, 200]


async def test_several_processes_refresh_a_session_once_for_all(
    tmp_path: Path, time: Time, redis_url: str, redis_prefix: str
) -> None:
    shared = {**LONG, "GATEWAY_REDIS_URL": redis_url, "GATEWAY_REDIS_PREFIX": redis_prefix}
    token = await log_in(tmp_path, time.logistics, shared)
    async with processes(tmp_path, time, shared, count=4, token=token) as ask:
        for _ in range(2):
            time.advance(31)
            assert await ask() == [[]] * 4

    assert time.refreshes == [200, 200]


@dataclass
class Place:
    """Keeps tokens, unless told to fail; lives one test."""

    tokens: LogisticsTokenPair
    fails: bool = False

    async def read(self) -> LogisticsTokenPair:
        return self.tokens

    async def write(self, tokens: LogisticsTokenPair) -> None:
        if self.fails:
            raise OSError("full")
        self.tokens = tokens

    @asynccontextmanager
    async def refreshing(self, scope: CallScope) -> AsyncIterator[None]:
        del scope
        yield


@dataclass
class Replacing:
    """Takes each refresh token once; lives one test."""

    good: str = "r0"
    used: list[str] = field(default_factory=list)

    async def refresh(self, scope: CallScope, refresh_token: str) -> RefreshAnswer:
        del scope
        self.used.append(refresh_token)
        if refresh_token != self.good:
            raise UpstreamAuth(UpstreamName.LOGISTICS, "spent")
        self.good = f"r{len(self.used)}"
        return RefreshAnswer(f"b{len(self.used)}", self.good)


async def test_tokens_that_could_not_be_kept_are_used_and_kept_later(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    place, upstream = Place(LogisticsTokenPair("", "r0", 0), fails=True), Replacing()
    tokens = TokenRefresher(place, upstream, lambda: 0.0)  # type: ignore[arg-type] # it is asked to refresh alone

    first = await tokens.fetch(CallScope(15))
    second = await tokens.fetch(CallScope(15))
    place.fails = False
    third = await tokens.fetch(CallScope(15))

    assert [token.value for token in (first, second, third)] == ["b1", "b2", "b3"]
    assert upstream.used == ["r0", "r1", "r2"]
    assert place.tokens.refresh_token == "r3"
    assert "could not be kept" in caplog.text


async def test_a_refused_refresh_token_that_another_process_has_replaced_is_no_failure() -> None:
    place = Place(LogisticsTokenPair("", "r0", 0))

    class Late(Replacing):
        async def refresh(self, scope: CallScope, refresh_token: str) -> RefreshAnswer:
            place.tokens = LogisticsTokenPair("b of another", "r of another", 100)
            return await super().refresh(scope, refresh_token)

    tokens = TokenRefresher(place, Late(good="r of another"), lambda: 0.0)  # type: ignore[arg-type] # as above

    assert (await tokens.fetch(CallScope(15))).value == "b of another"
