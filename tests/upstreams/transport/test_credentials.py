"""Credentials are fetched once for all, renewed ahead of their end, and replaced after a 401."""

import asyncio
from collections.abc import Callable

import pytest

from resolvers.errors import InputRefused, UpstreamAuth, UpstreamError, UpstreamTimeout
from resolvers.upstreams.call import Answer, Call, CallScope
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.transport.credentials import (
    FETCH_SECONDS,
    Authorizing,
    FixedCredentials,
    Token,
    TokenCredentials,
)
from resolvers.upstreams.transport.stack import loop_clock
from tests.upstreams.transport.little_upstreams import OK, LittleUpstream, a_call, now, status
from tests.upstreams.transport.virtual_time import START, in_virtual_time


class TokenSource:
    """Gives out numbered tokens; lives one test."""

    def __init__(self, *, seconds: float = 0.0, lifetime: float | None = 3600.0, keeps_deadline: bool = False) -> None:
        self.seconds = seconds
        self.keeps_deadline = keeps_deadline
        self.lifetime = lifetime
        self.fetched_at: list[float] = []
        self.failure: UpstreamError | None = None

    async def fetch(self, scope: CallScope) -> Token:
        assert scope.deadline > now()
        self.fetched_at.append(now() - START)
        try:
            async with asyncio.timeout_at(scope.deadline if self.keeps_deadline else None):
                await asyncio.sleep(self.seconds)
        except TimeoutError as error:
            raise UpstreamTimeout(UpstreamName.DELIVERIES, "The token call took too long.") from error
        if self.failure is not None:
            raise self.failure
        return Token(f"token-{len(self.fetched_at)}", self.lifetime)

    def credentials(self, first: str | None = None) -> TokenCredentials:
        return TokenCredentials(UpstreamName.DELIVERIES, self.fetch, loop_clock, first=first)


def a_scope(seconds: float = 15.0) -> CallScope:
    return CallScope(now() + seconds)


@in_virtual_time
async def test_basic_and_bearer_are_fixed() -> None:
    basic = FixedCredentials.basic("user", "pass:wörd")

    assert await basic.authorization(a_scope()) == "Basic dXNlcjpwYXNzOnfDtnJk"
    assert await FixedCredentials.bearer("abc").authorization(a_scope()) == "Bearer abc"
    assert not await basic.renew("Basic dXNlcjpwYXNzOnfDtnJk", a_scope())


@in_virtual_time
async def test_all_who_need_a_token_at_once_share_one_fetch() -> None:
    source = TokenSource(seconds=1)
    credentials = source.credentials()

    values = await asyncio.gather(*(credentials.authorization(a_scope()) for _ in range(50)))

    assert set(values) == {"Bearer token-1"}
    assert source.fetched_at == [0]


@in_virtual_time
async def test_a_known_token_is_used_without_a_fetch() -> None:
    source = TokenSource()

    value = await source.credentials(first="known").authorization(a_scope())

    assert (value, source.fetched_at) == ("Bearer known", [])


@pytest.mark.parametrize(("lifetime", "used_for"), [(3600, 3540), (100, 90), (2_592_000, 2_591_940)])
@in_virtual_time
async def test_a_token_is_renewed_ahead_of_its_end(lifetime: float, used_for: float) -> None:
    source = TokenSource(lifetime=lifetime)
    credentials = source.credentials()
    await credentials.authorization(a_scope())

    await asyncio.sleep(used_for - 1)
    before = await credentials.authorization(a_scope())
    await asyncio.sleep(1)
    after = await credentials.authorization(a_scope())

    assert (before, after) == ("Bearer token-1", "Bearer token-2")


@in_virtual_time
async def test_a_token_without_a_lifetime_is_kept() -> None:
    source = TokenSource(lifetime=None)
    credentials = source.credentials()
    await credentials.authorization(a_scope())

    await asyncio.sleep(1e7)

    assert await credentials.authorization(a_scope()) == "Bearer token-1"


@in_virtual_time
async def test_one_who_gives_up_does_not_cancel_the_fetch_for_the_others() -> None:
    source = TokenSource(seconds=1)
    credentials = source.credentials()
    first, second = (asyncio.create_task(credentials.authorization(a_scope())) for _ in range(2))
    await asyncio.sleep(0.5)

    first.cancel()

    assert await second == "Bearer token-1"
    assert first.cancelled()


@in_virtual_time
async def test_one_whose_deadline_passes_times_out_and_the_token_is_there_for_the_next() -> None:
    source = TokenSource(seconds=3)
    credentials = source.credentials()

    with pytest.raises(UpstreamTimeout, match="no token in time"):
        await credentials.authorization(a_scope(1))

    assert await credentials.authorization(a_scope()) == "Bearer token-1"
    assert source.fetched_at == [0]


@in_virtual_time
async def test_a_fetch_goes_on_for_those_with_more_time_than_the_one_who_began_it() -> None:
    source = TokenSource(seconds=3, keeps_deadline=True)
    credentials = source.credentials()

    hasty, patient = await asyncio.gather(
        credentials.authorization(a_scope(1)), credentials.authorization(a_scope()), return_exceptions=True
    )

    assert (type(hasty), patient) == (UpstreamTimeout, "Bearer token-1")
    assert source.fetched_at == [0]


@pytest.mark.parametrize(("seconds", "ends_after"), [(1, FETCH_SECONDS), (30, 30)])
@in_virtual_time
async def test_a_fetch_that_nobody_waits_for_ends_all_the_same(seconds: float, ends_after: float) -> None:
    source = TokenSource(seconds=3600, keeps_deadline=True)
    credentials = source.credentials()

    with pytest.raises(UpstreamTimeout):
        await credentials.authorization(a_scope(seconds))
    await asyncio.sleep(ends_after - seconds + 1)
    source.seconds = 0

    assert await credentials.authorization(a_scope()) == "Bearer token-2"


@in_virtual_time
async def test_a_failed_fetch_fails_all_who_wait_and_is_tried_again_by_the_next() -> None:
    source = TokenSource(seconds=1)
    source.failure = UpstreamAuth(UpstreamName.DELIVERIES, "Wrong password.")
    credentials = source.credentials()

    failed = await asyncio.gather(*(credentials.authorization(a_scope()) for _ in range(3)), return_exceptions=True)
    source.failure = None
    value = await credentials.authorization(a_scope())

    assert [type(outcome) for outcome in failed] == [UpstreamAuth] * 3
    assert value == "Bearer token-2"


@in_virtual_time
async def test_a_refused_token_is_renewed_once_however_many_calls_it_failed() -> None:
    source = TokenSource(seconds=1)
    upstream = refusing(lambda value: value == "Bearer known")
    transport = Authorizing(upstream, source.credentials(first="known"), "own")

    answers = await asyncio.gather(*(transport.send(a_call()) for _ in range(20)))

    assert {answer.status for answer in answers} == {200}
    assert source.fetched_at == [0]
    assert len(upstream.sent) == 40


@in_virtual_time
async def test_a_second_401_is_final() -> None:
    source = TokenSource()
    upstream = refusing(lambda _: True)

    answer = await Authorizing(upstream, source.credentials(first="known"), "own").send(a_call())

    assert (answer.status, len(upstream.sent)) == (401, 2)


@in_virtual_time
async def test_what_an_upstream_says_to_a_secret_that_it_refuses_is_not_passed_on() -> None:
    source = TokenSource()
    source.failure = InputRefused(UpstreamName.DELIVERIES, "no such refresh token: planted-secret")

    with pytest.raises(UpstreamAuth) as refused:
        await source.credentials().authorization(a_scope())

    assert "planted-secret" not in refused.value.message


@in_virtual_time
async def test_fixed_credentials_that_are_refused_are_not_tried_again() -> None:
    upstream = refusing(lambda _: True)

    answer = await Authorizing(upstream, FixedCredentials.bearer("fixed"), "own").send(a_call())

    assert (answer.status, len(upstream.sent)) == (401, 1)


@in_virtual_time
async def test_a_change_is_sent_again_after_a_401_which_comes_before_it_has_any_effect() -> None:
    upstream = refusing(lambda value: value == "Bearer known")

    answer = await Authorizing(upstream, TokenSource().credentials(first="known"), "own").send(a_call(repeatable=False))

    assert (answer.status, len(upstream.sent)) == (200, 2)


@in_virtual_time
async def test_each_call_carries_the_identity_of_its_account() -> None:
    call = a_call(identity="")

    await Authorizing(LittleUpstream(), FixedCredentials.bearer("fixed"), "account:acme").send(call)

    assert (call.identity, call.authorization) == ("account:acme", "Bearer fixed")


def test_a_token_is_in_no_repr() -> None:
    assert "planted" not in repr(Token("planted", 60))


def refusing(refuses: Callable[[str | None], bool]) -> LittleUpstream:
    def behave(call: Call) -> Answer:
        return status(401) if refuses(call.authorization) else OK

    return LittleUpstream(behave)
