"""Callers' quotas of SMS, counted as they are billed."""

import hashlib
from typing import Any, Final

import pytest
from redis.asyncio import Redis
from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from gateway.operations.cost.budget import LocalBuckets, SpentCounts
from gateway.operations.cost.sms_quotas import SmsQuotas
from gateway.operations.documents.request_limits import RequestCounts
from gateway.sandbox.server import serving
from resolvers.errors import QuotaTooSmall, RateLimited
from tests.world import UNCACHED, World, running_world

SEND: Final = """mutation($input: SendSmsInput!) { sendSms(input: $input) { job { jobId } errors {
    __typename message retryable
    ... on RateLimited { retryAfterSeconds } ... on UpstreamFailed { outcomeUnknown } } } }"""


def _answering(status: int, body: dict[str, Any]) -> ASGIApp:
    """An SMS API that answers every job alike."""
    return JSONResponse(body, status)


async def _send(world: World, recipients: int, text: str = "a", key: str | None = None) -> list[dict[str, Any]]:
    numbers = [{"destination": f"+49176000{number:05}"} for number in range(recipients)]
    job = {"input": {"messages": [{"text": text, "recipients": numbers}]}}
    headers = {"X-API-Key": key} if key else None
    errors: list[dict[str, Any]] = (await world.ask(SEND, job, headers)).data["sendSms"]["errors"]
    return errors


@pytest.mark.parametrize("window", ["MINUTE", "DAY"])
async def test_a_job_beyond_the_quota_is_refused_before_any_call(window: str) -> None:
    settings = {
        **UNCACHED,
        f"GATEWAY_AUTH__SMS_PER_{window}": "10",
        "GATEWAY_AUTH__API_KEYS__PHONE": hashlib.sha256(b"phone").hexdigest(),
    }
    async with running_world(settings) as world:
        sent = await _send(world, 3, "a" * 161)
        refused = await _send(world, 5)
        requests_of_refused = len(world.requests)
        rest = await _send(world, 4)
        other = await _send(world, 5, key="phone")
        never = await _send(world, 11, key="phone")

    assert sent == rest == other == []
    assert [error["__typename"] for error in refused + never] == ["RateLimited"] * 2
    assert [error["retryable"] for error in refused + never] == [True, False]
    assert never[0]["retryAfterSeconds"] is None
    assert 0 < refused[0]["retryAfterSeconds"] <= (8640 if window == "DAY" else 6)
    assert requests_of_refused == 0
    assert "10 a" in never[0]["message"]


async def test_what_was_not_sent_is_given_back() -> None:
    async with running_world({**UNCACHED, "GATEWAY_AUTH__SMS_PER_MINUTE": "10"}) as world:
        bad = {"input": {"messages": [{"text": "ж", "recipients": [{"destination": "+4917600000000"}] * 9}]}}
        bad["input"]["options"] = {"invalidCharacters": "REFUSE", "encoding": "STANDARD"}  # type: ignore[assignment]
        refused = (await world.ask(SEND, bad)).data["sendSms"]["errors"]
        sent = await _send(world, 9)

    assert refused[0]["__typename"] == "InvalidInput"
    assert sent == []


@pytest.mark.parametrize(
    ("status", "unknown", "left"), [(500, True, 4), (503, True, 4), (201, True, 4), (400, False, 10), (401, False, 10)]
)
async def test_what_may_have_been_sent_stays_charged(status: int, unknown: bool, left: int) -> None:
    async with serving(_answering(status, {})) as url:
        settings = {**UNCACHED, "GATEWAY_AUTH__SMS_PER_DAY": "10", "GATEWAY_SMS__SEND_URL": url}
        async with running_world(settings) as world:
            failed = await _send(world, 6)
            refused = await _send(world, left + 1)

    assert [(one["__typename"] == "UpstreamFailed" and one.get("outcomeUnknown")) for one in failed] == [unknown]
    assert refused[0]["__typename"] == "RateLimited"
    assert refused[0]["retryable"] is (left < 10)


async def test_processes_share_quotas_by_redis_and_each_counts_its_refusals(redis_url: str, redis_prefix: str) -> None:
    settings = {
        **UNCACHED,
        "GATEWAY_AUTH__SMS_PER_DAY": "10",
        "GATEWAY_REDIS_URL": redis_url,
        "GATEWAY_REDIS_PREFIX": redis_prefix,
    }
    async with running_world(settings) as one, running_world(settings) as other:
        sent = await _send(one, 6)
        refused = await _send(other, 5)
        requests_of_refused = len(other.requests)
        rest = await _send(other, 4)
        spent = await _send(one, 1)
        metrics = [(await world.client.get(f"{world.url}/metrics")).text for world in (one, other)]

    assert sent == rest == []
    assert [error["retryable"] for error in refused + spent] == [True, True]
    assert "4 of its 10 a day" in refused[0]["message"]
    assert requests_of_refused == 0
    assert all('gateway_spent_budgets_refused_total{budget="sms_a_day"} 1.0' in text for text in metrics)


async def test_quotas_and_budgets_of_one_caller_have_keys_of_their_own(
    redis: Redis, redis_url: str, redis_prefix: str
) -> None:
    settings = {
        **UNCACHED,
        "GATEWAY_AUTH__SMS_PER_MINUTE": "10",
        "GATEWAY_AUTH__SMS_PER_DAY": "10",
        "GATEWAY_AUTH__CALLS_PER_MINUTE": "100",
        "GATEWAY_REDIS_URL": redis_url,
        "GATEWAY_REDIS_PREFIX": redis_prefix,
    }
    async with running_world(settings) as world:
        await _send(world, 1)

    kept = {name.decode().removeprefix(redis_prefix) async for name in redis.scan_iter(f"{redis_prefix}*:anonymous")}
    assert kept == {"budget:anonymous", "sms-quota:minute:anonymous", "sms-quota:day:anonymous"}


async def test_a_refusal_of_the_day_leaves_the_minute_as_it_was() -> None:
    counts, spent = RequestCounts(), SpentCounts()
    quota = SmsQuotas(LocalBuckets(lambda: 0.0), 10, 5, counts, spent).of("a")
    await quota.take(4)
    with pytest.raises(RateLimited, match=r"1 of its 5 a day"):
        await quota.take(2)
    await quota.take(1)
    await quota.give_back(1)

    assert (counts.sms, spent.sms_a_day, spent.sms_a_minute) == (0, 1, 0)


async def test_a_job_that_no_quota_ever_allows_is_told_so_whatever_is_left_of_another() -> None:
    counts, spent = RequestCounts(), SpentCounts()
    quota = SmsQuotas(LocalBuckets(lambda: 0.0), 10, 5, counts, spent).of("a")
    await quota.take(5)
    with pytest.raises(QuotaTooSmall, match=r"5 a day at most") as refused:
        await quota.take(6)
    with pytest.raises(QuotaTooSmall, match=r"10 a minute at most"):
        await quota.take(11)

    assert not refused.value.retryable
    assert (counts.sms, spent) == (2, SpentCounts())
