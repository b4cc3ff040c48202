"""The policies over real sockets, as the gateway puts them together."""

import asyncio
import socket
from datetime import UTC, datetime
from typing import Final

import pytest
from pydantic import SecretStr

from gateway.composition.upstreams import build_upstreams
from gateway.sandbox.clock import ManualClock
from gateway.sandbox.options import SmsOptions
from gateway.sandbox.server import serving
from gateway.sandbox.sms.simulator import create_sms
from gateway.settings.model import LogisticsSettings, Settings, SmsSettings
from resolvers.errors import UpstreamUnavailable
from resolvers.upstream_states import UpstreamState, upstream_of
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.sms.client import SmsClient, SmsConfig
from resolvers.upstreams.transport.credentials import Authorizing, FixedCredentials
from resolvers.upstreams.transport.shared_rate import LocalRate
from resolvers.upstreams.transport.stack import StackConfig, StackSurroundings, build_stack, loop_clock
from resolvers.upstreams.transport.wire.wire import Connections, Wire

SPEED: Final = 10.0
"""Seconds to pacing and simulator in one of the wall's: both count the same windows, sooner."""


def fast_clock() -> float:
    return loop_clock() * SPEED


async def fast_sleep(seconds: float) -> None:
    await asyncio.sleep(seconds / SPEED)


async def test_twice_as_many_reads_as_the_simulated_sms_api_takes_in_10_seconds_all_get_their_answers() -> None:
    options = SmsOptions(max_requests_per_10_seconds=20)
    simulator = create_sms(ManualClock(datetime(2024, 5, 6, tzinfo=UTC)), options=options, monotonic=fast_clock)
    surroundings = StackSurroundings(fast_clock, fast_sleep, rate=LocalRate(fast_clock))
    connections = Connections()

    async with serving(simulator.primary.app) as url:
        stack = build_stack(Wire(connections), "SMS", StackConfig(concurrency=4), surroundings)
        transport = Authorizing(stack.transport, FixedCredentials.basic(options.username, options.password), "own")
        base = f"{url}/rest/v1"
        client = SmsClient([transport], transport, SmsConfig((base,), base))
        scope = CallScope(fast_clock() + 100)
        jobs = await asyncio.gather(*(client.job_report(scope, 0, f"unknown-{number}") for number in range(40)))
    await connections.close()

    statuses = [request.status for request in simulator.primary.requests]
    first_refusal = statuses.index(429)
    assert jobs == [None] * 40
    assert statuses.count(404) == 40
    assert set(statuses[first_refusal + 4 :]) == {404}


async def test_the_state_of_an_upstream_that_refuses_connections_is_seen_through_its_account() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    upstreams = build_upstreams(Settings(logistics=LogisticsSettings(url=url, token=SecretStr("planted"))))
    account = upstreams.own

    with pytest.raises(UpstreamUnavailable):
        await account.logistics.task(CallScope(loop_clock() + 5), "some-task")

    state = upstream_of(account, UpstreamName.LOGISTICS)
    await upstreams.close()
    assert (state.state, state.last_error_code) == (UpstreamState.DEGRADED, "UPSTREAM_UNAVAILABLE")


@pytest.mark.parametrize("hedge", [True, False])
async def test_hedging_is_as_the_operator_set_it(*, hedge: bool) -> None:
    urls = ("http://127.0.0.1:1/rest/v1", "http://127.0.0.1:2/rest/v1")
    settings = Settings(sms=SmsSettings(urls=urls, username="user", password=SecretStr("planted"), hedge=hedge))
    upstreams = build_upstreams(settings)

    for _ in range(20):
        upstreams.own.sms_hedging.add(0, 0.1)

    assert (upstreams.own.sms_hedging.patience(0) is not None) is hedge
    assert len(upstreams.own.health[UpstreamName.SMS]) == 2
    await upstreams.close()
