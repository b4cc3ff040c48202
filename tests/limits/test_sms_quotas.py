"""Callers' quotas of SMS, counted as they are billed."""

import hashlib
from typing import Any, Final

import pytest

from gateway.operations.budget_buckets import LocalBuckets
from gateway.operations.request_limits import RequestCounts
from gateway.operations.sms_quotas import SmsQuotas
from resolvers.errors import RateLimited
from tests.world import UNCACHED, World, running_world

SEND: Final = """mutation($input: SendSmsInput!) { sendSms(input: $input) { job { jobId } errors {
    __typename message retryable ... on RateLimited { retryAfterSeconds } } } }"""


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


async def test_a_refusal_of_the_day_leaves_the_minute_as_it_was() -> None:
    counts = RequestCounts()
    quota = SmsQuotas(LocalBuckets(lambda: 0.0), 10, 5, counts).of("a")
    await quota.take(4)
    with pytest.raises(RateLimited, match=r"1 of its 5 a day"):
        await quota.take(2)
    await quota.take(1)
    await quota.give_back(1)

    assert counts.sms == 1
