"""Reads of the simulated SMS service, and its recipients over time."""

import re
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.sandbox.clock import ManualClock
from tests.sandbox.sms.requests import (
    DEFAULTS,
    JOBS,
    SMS,
    START,
    Connect,
    Hosts,
    job_ids,
    recipients,
)


async def test_sixty_jobs_of_eighty_days_lie_in_two_data_centres(hosts: Hosts) -> None:
    recent = [set(await job_ids(host)) for host in (hosts.primary, hosts.secondary)]
    every = set[str]()
    for days in (30, 60, 90):
        window = {
            "fromTs": (START - timedelta(days=days)).isoformat(),
            "toTs": (START - timedelta(days=days - 30)).isoformat(),
        }
        for host in (hosts.primary, hosts.secondary):
            every.update(await job_ids(host, **window))

    assert len(recent[0] | recent[1]) == 36
    assert not recent[0] & recent[1]
    assert len(every) == 60


async def test_a_report_has_the_members_of_the_documents_sample(hosts: Hosts) -> None:
    job_id = (await job_ids(hosts.primary))[0]

    report = (await hosts.primary.get(f"{JOBS}/{job_id}")).json()

    assert list(report) == [
        "jobId",
        "src",
        "encoding",
        "billcode",
        "statusRequested",
        "flash",
        "validityMin",
        "customerRef",
        "qos",
        "receiptTs",
        "finishedTs",
        "recipientIds",
    ]
    assert re.fullmatch(r"J\.\d{8}-\d{6}\.\d{3}-[0-9A-Za-z]{18}", report["jobId"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+02:00", report["finishedTs"])
    assert all(re.fullmatch(r"S\.\d{8}-\d{6}-\d{5}", sms_id) for sms_id in report["recipientIds"])


async def test_recipients_have_the_members_of_the_documents_samples_as_they_move_on(
    hosts: Hosts, clock: ManualClock
) -> None:
    job_id = await hosts.post(statusRequested=True)
    seen = []
    for _ in range(140):
        seen.append((await recipients(hosts.primary, job_id))[0])
        clock.advance(1)

    stages = list(dict.fromkeys((found["processStatus"], found.get("status")) for found in seen))
    pending, accepted, done = seen[0], seen[5], seen[-1]
    assert stages == [("OPEN", None), ("OPEN", "SUC_ACC"), ("RUNNING", "SUC_ACC"), ("DONE", "SUC_FIN")]
    assert list(pending) == ["smsId", "dst", "processStatus", "customerRef"]
    assert list(accepted) == ["smsId", "dst", "processStatus", "status", "customerRef", "reason", "sentTs"]
    assert list(done) == [*accepted, "finishedTs"]
    assert pending["customerRef"] == pending["dst"] == "+4917615500001"


async def test_a_job_without_notification_ends_as_accepted(hosts: Hosts, clock: ManualClock) -> None:
    job_id = await hosts.post()

    clock.advance(10)

    found = await recipients(hosts.primary, job_id)
    assert (found[0]["processStatus"], found[0]["status"]) == ("DONE", "SUC_ACC")


async def test_a_job_finishes_with_its_last_recipient(hosts: Hosts, clock: ManualClock) -> None:
    job_id = await hosts.post(statusRequested=True, numbers=("+491761550001", "+491761550002", "+491761550003"))
    unfinished = (await hosts.primary.get(f"{JOBS}/{job_id}")).json()
    still_open = await job_ids(hosts.primary, open="true")

    clock.advance(140)

    report = (await hosts.primary.get(f"{JOBS}/{job_id}")).json()
    found = await recipients(hosts.primary, job_id)
    assert "finishedTs" not in unfinished
    assert job_id in still_open
    assert report["finishedTs"] == max(recipient["finishedTs"] for recipient in found)
    assert report["recipientIds"] == [recipient["smsId"] for recipient in found]
    assert job_id in await job_ids(hosts.primary, open="false")
    assert job_id not in await job_ids(hosts.primary, open="true")


async def test_a_malformed_number_is_accepted_and_then_found_invalid(hosts: Hosts, clock: ManualClock) -> None:
    job_id = await hosts.post(numbers=("not a number", "+4917615500001"))

    clock.advance(10)

    found = await recipients(hosts.primary, job_id)
    assert [recipient["status"] for recipient in found] == ["INVALID_DST", "SUC_ACC"]
    assert "sentTs" not in found[0]


async def test_failing_recipients_end_in_the_words_of_the_vendors_table(connect: Connect, clock: ManualClock) -> None:
    numbers = tuple(f"+4917615500{number:03d}" for number in range(200))
    async with connect(replace(DEFAULTS, failing_share=1)) as hosts:
        job_id = await hosts.post(statusRequested=True, validityMin=5, numbers=numbers)
        clock.advance(600)

        found = await recipients(hosts.primary, job_id)

    words = Counter((recipient["processStatus"], recipient.get("status")) for recipient in found)
    done = ("INVALID_DST", "BLOCKED", "CON_ERR", "NOT_ACC_FIN", "SEND_ERR", "TIMEOUT", "FAILED_FIN", "STATUS_ERR")
    assert set(words) == {
        *(("DONE", status) for status in done),
        ("CANCELED", None),
        ("CANCELED", "NOT_ACC_REC"),
        ("KILL", "SUC_ACC"),
    }


async def test_an_sms_that_is_not_handed_over_is_retried_or_waits(connect: Connect, clock: ManualClock) -> None:
    numbers = tuple(f"+4917615500{number:03d}" for number in range(100))
    async with connect(replace(DEFAULTS, failing_share=1)) as hosts:
        job_id = await hosts.post(statusRequested=True, numbers=numbers)
        clock.advance(5)
        during = await recipients(hosts.primary, job_id)
        clock.advance(600)
        after = {recipient["smsId"]: recipient for recipient in await recipients(hosts.primary, job_id)}

    retried = [found for found in during if (found["processStatus"], found.get("status")) == ("OPEN", "CON_ERR")]
    waiting = [found for found in during if "sentTs" not in found and found["processStatus"] == "OPEN"]
    assert {after[found["smsId"]]["status"] for found in retried} == {"CON_ERR"}
    assert len(waiting) > len(retried) > 0
    assert not any("finishedTs" in found for found in during)


@pytest.mark.parametrize("path", [JOBS, f"{JOBS}/J.1", f"{SMS}?jobId=J.1", "/rest/v1/version"])
async def test_the_send_host_answers_no_reads(hosts: Hosts, path: str) -> None:
    answer = await hosts.send.get(path)

    assert answer.status_code in (404, 405)
    assert answer.content == b""


async def test_what_an_unknown_job_answers_can_be_set(connect: Connect) -> None:
    options = replace(DEFAULTS, unknown_job_status=500, unknown_recipients="empty")
    async with connect(options) as hosts:
        report = await hosts.primary.get(f"{JOBS}/J.unknown")
        found = await hosts.primary.get(SMS, params={"jobId": "J.unknown"})

    assert (report.status_code, report.content) == (500, b"")
    assert (found.status_code, found.json()) == (200, [])


async def test_a_report_can_lag_behind_its_job(connect: Connect, clock: ManualClock) -> None:
    async with connect(replace(DEFAULTS, report_lag_seconds=5)) as hosts:
        job_id = await hosts.post()
        early = await hosts.statuses(f"{JOBS}/{job_id}")
        clock.advance(5)
        late = await hosts.statuses(f"{JOBS}/{job_id}")

    assert (early, late) == ([404, 404], [200, 404])


async def test_a_job_is_forgotten_after_three_months(hosts: Hosts, clock: ManualClock) -> None:
    job_id = await hosts.post()

    clock.advance(93 * 86_400)

    assert await hosts.statuses(f"{JOBS}/{job_id}") == [404, 404]


async def test_a_list_is_cut_by_limit_and_offset(hosts: Hosts) -> None:
    every = await job_ids(hosts.primary)

    part = await job_ids(hosts.primary, limit="5", offset="3")

    assert part == every[3:8]
    assert every == sorted(every)


async def test_a_blank_open_asks_for_both(hosts: Hosts) -> None:
    both = await job_ids(hosts.primary, open="")

    assert both == await job_ids(hosts.primary)


@pytest.mark.parametrize(
    "parameters",
    [
        {"jobIdsOnly": "false"},
        {"limit": "0"},
        {"limit": "1001"},
        {"limit": "many"},
        {"offset": "-1"},
        {"open": "maybe"},
        {"fromTs": "yesterday"},
        {"fromTs": "2024-05-06T00:00:00Z", "toTs": "2024-05-06T00:00:00Z"},
        {"fromTs": "2024-03-01T00:00:00Z", "toTs": "2024-03-31T00:00:01Z"},
        {"toTs": "2024-05-06T00:00:00 02:00:00"},
    ],
)
async def test_a_list_against_the_rules_is_refused_without_content(hosts: Hosts, parameters: dict[str, str]) -> None:
    answer = await hosts.primary.get(JOBS, params=parameters)

    assert (answer.status_code, answer.content) == (400, b"")


async def test_a_window_of_thirty_days_is_allowed(hosts: Hosts) -> None:
    window = {"fromTs": "2024-03-01T01:00+01:00", "toTs": "2024-03-31T00:00Z", "jobIdsOnly": "true"}

    assert await hosts.statuses(JOBS, **window) == [200, 200]


@pytest.mark.parametrize("path", [f"{JOBS}/", SMS])
async def test_a_read_without_a_job_id_is_refused(hosts: Hosts, path: str) -> None:
    assert await hosts.statuses(path) == [400, 400]


async def test_the_version_has_the_members_of_the_documents_sample(hosts: Hosts) -> None:
    version = (await hosts.primary.get("/rest/v1/version")).json()

    assert set(version) == {
        "buildNumber",
        "buildTimestamp",
        "majorVersion",
        "minorVersion",
        "versionInfo",
        "message",
    }


async def test_the_same_seed_and_start_give_the_same_jobs(connect: Connect) -> None:
    async with connect() as first, connect() as second:
        assert await job_ids(first.primary) == await job_ids(second.primary)


async def test_a_job_can_have_more_recipients_than_a_page_of_any_client(hosts: Hosts) -> None:
    counts = [
        len((await hosts.primary.get(f"{JOBS}/{job_id}")).json()["recipientIds"])
        for job_id in await job_ids(hosts.primary)
    ]

    assert max(counts) == 120
