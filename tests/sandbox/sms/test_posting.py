"""Posting jobs to the simulated SMS service, as its document describes it."""

from datetime import timedelta

import pytest

from gateway.sandbox.clock import ManualClock
from tests.sandbox.sms.requests import JOBS, ONE_NUMBER, SMS, START, Document, Hosts, job, recipients


async def test_options_are_kept_clamped_or_taken_from_the_login(hosts: Hosts) -> None:
    given = await hosts.post(
        src="shop", encoding="utf-16", billcode="B", statusRequested=True, flash=True, customerRef="R", qos="EXPRESS"
    )
    left_out, too_short, too_long = [
        await hosts.post(),
        await hosts.post(validityMin=1),
        await hosts.post(validityMin=9999),
    ]
    unlimited = await hosts.post(validityMin=0, maxParts=99)

    reports = []
    for place, job_id in enumerate((given, left_out, too_short, too_long, unlimited)):
        host = hosts.secondary if place % 2 else hosts.primary
        reports.append((await host.get(f"{JOBS}/{job_id}")).json())

    kept = ("src", "encoding", "billcode", "statusRequested", "flash", "validityMin", "customerRef", "qos")
    assert [reports[0][name] for name in kept] == ["shop", "utf-16", "B", True, True, 2880, "R", "EXPRESS"]
    assert [reports[1][name] for name in kept] == ["sandbox", "standard", None, False, False, 2880, None, "NORMAL"]
    assert [report["validityMin"] for report in reports[2:]] == [5, 2880, 0]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (job(encoding="ascii"), 400),
        (job(qos="SLOW"), 400),
        (job(invalidCharacters="DROP"), 400),
        (job(jobPeriod="tomorrow"), 400),
        (job(blackoutPeriods=["2024-05-06T10:00Z"]), 400),
        (job(blackoutPeriods=["2024-05-06T10:00Z/2024-05-06T09:00Z"]), 400),
        (job(flash="yes"), 400),
        (job(colour="red"), 400),
        ({}, 422),
        ({"messages": []}, 422),
        ({"messages": [{"text": "Hello", "recipients": []}]}, 422),
        ({"messages": [{"text": "", "recipients": [{"dst": "+491"}]}]}, 422),
        ({"messages": [{"text": "Hello", "recipients": [{"customerRef": "R"}]}]}, 422),
        (job(src="much too long a name"), 422),
        (job(billcode="b" * 71), 422),
        (job(customerRef="ü" * 71), 422),
        (job(customerRef="u" * 193), 422),
        (job(text="Grüße 你好", invalidCharacters="REFUSE"), 422),
        (job(numbers=ONE_NUMBER * 3001), 422),
    ],
)
async def test_a_job_against_the_rules_is_refused_without_content(
    hosts: Hosts, body: bytes | Document, status: int
) -> None:
    content = {"content": body, "headers": {"Content-Type": "application/json"}}
    answer = await hosts.send.post(JOBS, **(content if isinstance(body, bytes) else {"json": body}))

    assert (answer.status_code, answer.content) == (status, b"")


@pytest.mark.parametrize(
    "body",
    [
        job(numbers=ONE_NUMBER * 3000),
        job(text="Grüße €", invalidCharacters="REFUSE"),
        job(text="你好", invalidCharacters="REFUSE", encoding="UTF-16"),
        job(customerRef="u" * 192),
        job(src="+4915112345678901"),
    ],
)
async def test_a_job_at_the_edge_of_the_rules_is_taken(hosts: Hosts, body: Document) -> None:
    answer = await hosts.send.post(JOBS, json=body)

    assert answer.status_code == 201
    assert list(answer.json()) == ["jobId"]


async def test_wide_characters_widen_the_encoding_where_asked(hosts: Hosts) -> None:
    job_id = await hosts.post(text="你好", invalidCharacters="TO_UTF16")

    report = (await hosts.primary.get(f"{JOBS}/{job_id}")).json()

    assert report["encoding"] == "utf-16"


async def test_a_blackout_moves_an_sms_to_its_end_and_the_recipients_own_replaces_the_jobs(
    hosts: Hosts, clock: ManualClock
) -> None:
    body = job(numbers=("+491761550001", "+491761550002"), blackoutPeriods=["2024-05-06T07:00Z/2024-05-06T07:10Z"])
    body["messages"][0]["recipients"][1]["blackoutPeriods"] = []
    job_id = (await hosts.send.post(JOBS, json=body)).json()["jobId"]

    clock.advance(1800)
    during = await recipients(hosts.primary, job_id)
    clock.advance(1800)
    after = await recipients(hosts.primary, job_id)

    assert [recipient["processStatus"] for recipient in during] == ["OPEN", "DONE"]
    assert [recipient["processStatus"] for recipient in after] == ["DONE", "DONE"]


async def test_a_job_starts_no_earlier_than_its_period(hosts: Hosts, clock: ManualClock) -> None:
    job_id = await hosts.post(jobPeriod=(START + timedelta(hours=1)).isoformat())

    clock.advance(3599)
    before = await recipients(hosts.primary, job_id)
    clock.advance(20)
    after = await recipients(hosts.primary, job_id)

    assert (before[0]["processStatus"], after[0]["processStatus"]) == ("OPEN", "DONE")


async def test_a_duplicate_is_refused_for_ten_minutes_on_every_host(hosts: Hosts, clock: ManualClock) -> None:
    body = job(duplicateDetection=True)
    reordered = {"messages": body["messages"], "options": body["options"]}
    first = await hosts.send.post(JOBS, json=body)

    clock.advance(599)
    again = await hosts.send.post(JOBS, json=reordered)
    elsewhere = await hosts.secondary.post(JOBS, json=body)
    unflagged = await hosts.send.post(JOBS, json=job())
    clock.advance(1)
    later = await hosts.send.post(JOBS, json=body)

    statuses = [answer.status_code for answer in (first, again, elsewhere, unflagged, later)]
    assert statuses == [201, 409, 409, 201, 201]
    assert again.content == b""


async def test_posted_jobs_land_in_the_data_centres_in_turn(hosts: Hosts) -> None:
    posted = [await hosts.post(customerRef=str(number)) for number in range(4)]

    places = [await hosts.statuses(f"{JOBS}/{job_id}") for job_id in posted]
    recipient_places = [await hosts.statuses(SMS, jobId=job_id) for job_id in posted]

    assert places == recipient_places == [[200, 404], [404, 200], [200, 404], [404, 200]]


async def test_a_data_centre_takes_jobs_of_its_own(hosts: Hosts) -> None:
    answer = await hosts.secondary.post(JOBS, json=job())

    assert await hosts.statuses(f"{JOBS}/{answer.json()['jobId']}") == [404, 200]
