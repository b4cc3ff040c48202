"""`upstreams { state }` tells the truth of breaker and gate."""

import asyncio

import pytest

from resolvers.accounts import Account
from resolvers.upstream_states import Upstream, UpstreamState, upstream_of
from resolvers.upstreams.logistics.base_client import LogisticsConfig
from resolvers.upstreams.logistics.client import LogisticsClient
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.sms.client import SmsClient, SmsConfig
from resolvers.upstreams.transport.stack import Stack
from tests.upstreams.transport.little_upstreams import OK, LittleUpstream, a_call, broken, stack_over, status
from tests.upstreams.transport.virtual_time import in_virtual_time


class Scene:
    """An account of two SMS data centres and the host that jobs are posted to; lives one test."""

    def __init__(self) -> None:
        self.upstreams = [LittleUpstream() for _ in range(3)]
        self.stacks = [stack_over(upstream) for upstream in self.upstreams]
        config = SmsConfig(("http://primary.test", "http://secondary.test"), "http://send.test")
        primary, secondary, send = (stack.transport for stack in self.stacks)
        self.account = Account(
            "own",
            {UpstreamName.SMS: SmsClient([primary, secondary], send, config)},
            health={UpstreamName.SMS: [stack.health for stack in self.stacks]},
        )

    @property
    def sms(self) -> Upstream:
        return upstream_of(self.account, UpstreamName.SMS)

    async def take_down(self, *places: int) -> None:
        for place in places:
            self.upstreams[place].behave = broken
            await ask(self.stacks[place], 10)


async def ask(stack: Stack, times: int = 1, *, identity: str = "own") -> None:
    calls = (stack.transport.send(a_call(identity=identity, repeatable=False)) for _ in range(times))
    await asyncio.gather(*calls, return_exceptions=True)


@in_virtual_time
async def test_an_upstream_without_settings_is_unconfigured() -> None:
    assert upstream_of(Account("own"), UpstreamName.SMS) == Upstream(UpstreamName.SMS, UpstreamState.UNCONFIGURED)


@in_virtual_time
async def test_an_upstream_never_asked_is_healthy() -> None:
    assert Scene().sms == Upstream(UpstreamName.SMS, UpstreamState.HEALTHY)


@in_virtual_time
async def test_an_upstream_that_answers_is_healthy() -> None:
    scene = Scene()

    await ask(scene.stacks[0], 5)

    assert scene.sms == Upstream(UpstreamName.SMS, UpstreamState.HEALTHY)


@in_virtual_time
async def test_with_one_data_centre_down_it_is_degraded_and_holds_nothing_back() -> None:
    scene = Scene()
    await ask(scene.stacks[1])

    await scene.take_down(0)

    assert scene.sms == Upstream(UpstreamName.SMS, UpstreamState.DEGRADED, "UPSTREAM_UNAVAILABLE", None)


@in_virtual_time
async def test_with_both_down_it_is_unavailable_until_the_next_probe() -> None:
    scene = Scene()
    await scene.take_down(0)
    await asyncio.sleep(0.25)

    await scene.take_down(1)

    assert scene.sms.state is UpstreamState.UNAVAILABLE
    assert scene.sms.retry_after_seconds == pytest.approx(0.75)


@in_virtual_time
async def test_while_a_probe_is_due_it_is_degraded_and_after_its_success_healthy() -> None:
    scene = Scene()
    await scene.take_down(0, 1)
    await asyncio.sleep(1)

    due = scene.sms
    for upstream, stack in zip(scene.upstreams, scene.stacks, strict=True):
        upstream.behave = lambda _: OK
        await ask(stack)

    assert (due.state, due.retry_after_seconds) == (UpstreamState.DEGRADED, None)
    assert (scene.sms.state, scene.sms.last_error_code) == (UpstreamState.HEALTHY, "UPSTREAM_UNAVAILABLE")


@in_virtual_time
async def test_failures_of_late_degrade_it_for_half_a_minute() -> None:
    scene = Scene()
    scene.upstreams[0].behave = broken
    await ask(scene.stacks[0], 2)

    before = scene.sms.state
    await asyncio.sleep(31)

    assert (before, scene.sms.state) == (UpstreamState.DEGRADED, UpstreamState.HEALTHY)


@in_virtual_time
async def test_a_closed_gate_degrades_it_for_the_account_that_was_refused_and_no_other() -> None:
    scene = Scene()
    scene.upstreams[0].behave = lambda _: status(429, {"retry-after": "8"})
    other = Account("account:other", {UpstreamName.SMS: scene.account.sms}, health=scene.account.health)

    await ask(scene.stacks[0])

    assert scene.sms == Upstream(UpstreamName.SMS, UpstreamState.DEGRADED, "UPSTREAM_RATE_LIMITED", 8)
    assert upstream_of(other, UpstreamName.SMS) == Upstream(UpstreamName.SMS, UpstreamState.HEALTHY)


@in_virtual_time
async def test_refused_credentials_are_named_and_do_not_make_it_less_healthy() -> None:
    scene = Scene()
    scene.upstreams[0].behave = lambda _: status(401)

    await ask(scene.stacks[0], 30)

    assert scene.sms == Upstream(UpstreamName.SMS, UpstreamState.HEALTHY, "UPSTREAM_AUTH")


@in_virtual_time
async def test_a_caller_with_credentials_of_its_own_is_told_of_the_gates_of_each_set_of_credentials() -> None:
    scene = Scene()
    logistics = LittleUpstream(lambda _: status(429, {"retry-after": "8"}))
    stack = stack_over(logistics)
    base = Account(
        "own",
        {UpstreamName.SMS: scene.account.sms},
        health={**scene.account.health, UpstreamName.LOGISTICS: [stack.health]},
    )
    client = LogisticsClient(stack.transport, LogisticsConfig("http://upstream.test"))
    joint = base.with_logistics("own session:1", client, calls_as="session:1")
    scene.upstreams[0].behave = lambda _: status(429, {"retry-after": "4"})

    await ask(scene.stacks[0], identity="own")
    await ask(stack, identity="session:1")

    assert upstream_of(joint, UpstreamName.SMS).retry_after_seconds == 4
    assert upstream_of(joint, UpstreamName.LOGISTICS).retry_after_seconds == 8
