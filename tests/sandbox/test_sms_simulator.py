"""The simulated SMS service answers as its document says."""

import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from gateway.sandbox.clock import ManualClock
from gateway.sandbox.sms import SmsOptions, create_sms
from tests.sandbox.connection import connected

START = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
JOBS = "/rest/v1/jobs"
SMS = "/rest/v1/sms"
BASIC = {"Authorization": "Basic c2FuZGJveC11c2VyOnNhbmRib3gtcGFzc3dvcmQ="}
DEFAULTS = SmsOptions(failing_share=0)
ONE_NUMBER = ("+4917615500001",)

Document = dict[str, Any]
Numbers = tuple[str, ...]


@dataclass(frozen=True)
class Hosts:
    """A client for each of the three hosts."""

    primary: httpx.AsyncClient
    secondary: httpx.AsyncClient
    send: httpx.AsyncClient

    async def post(self, *, text: str = "Hello", numbers: Numbers = ONE_NUMBER, **options: object) -> str:
        answer = await self.send.post(JOBS, json=job(text=text, numbers=numbers, **options))
        assert answer.status_code == 201, answer.status_code
        return str(answer.json()["jobId"])

    async def statuses(self, path: str, **parameters: str) -> list[int]:
        return [(await host.get(path, params=parameters)).status_code for host in (self.primary, self.secondary)]


@dataclass
class Seconds:
    """The seconds in which the request limit is measured, moved by hand."""

    now: float = 0.0


Connect = Callable[..., AbstractAsyncContextManager[Hosts]]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def connect(clock: ManualClock, seconds: Seconds) -> Connect:
    @asynccontextmanager
    async def connect_with(options: SmsOptions = DEFAULTS) -> AsyncIterator[Hosts]:
        hosts = create_sms(clock, options=options, monotonic=lambda: seconds.now)
        async with AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(connected(host.app, BASIC))
                for host in (hosts.primary, hosts.secondary, hosts.send)
            ]
            yield Hosts(*clients)

    return connect_with


@pytest.fixture
async def hosts(connect: Connect) -> AsyncIterator[Hosts]:
    async with connect() as connected_hosts:
        yield connected_hosts


def job(*, text: str = "Hello", numbers: Numbers = ONE_NUMBER, **options: object) -> Document:
    return {"options": options, "messages": [{"text": text, "recipients": [{"dst": number} for number in numbers]}]}


async def job_ids(host: httpx.AsyncClient, **parameters: str) -> list[str]:
    answer = await host.get(JOBS, params={"limit": "1000", **parameters})
    assert answer.status_code == 200, answer.status_code
    return [found["jobId"] for found in answer.json()]


async def recipients(host: httpx.AsyncClient, job_id: str) -> list[Document]:
    return list((await host.get(SMS, params={"jobId": job_id})).json())


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


async def test_posted_jobs_land_in_the_data_centres_in_turn(hosts: Hosts) -> None:
    posted = [await hosts.post(customerRef=str(number)) for number in range(4)]

    places = [await hosts.statuses(f"{JOBS}/{job_id}") for job_id in posted]
    recipient_places = [await hosts.statuses(SMS, jobId=job_id) for job_id in posted]

    assert places == recipient_places == [[200, 404], [404, 200], [200, 404], [404, 200]]


async def test_a_data_centre_takes_jobs_of_its_own(hosts: Hosts) -> None:
    answer = await hosts.secondary.post(JOBS, json=job())

    assert await hosts.statuses(f"{JOBS}/{answer.json()['jobId']}") == [404, 200]


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


async def test_more_requests_than_allowed_in_ten_seconds_are_refused(connect: Connect, seconds: Seconds) -> None:
    async with connect(replace(DEFAULTS, max_requests_per_10_seconds=2, retry_after_seconds=8)) as hosts:
        first = await hosts.primary.get(JOBS)
        seconds.now = 5.0
        second = await hosts.primary.get(JOBS)
        third = await hosts.primary.get(JOBS)
        other_host = await hosts.secondary.get(JOBS)
        seconds.now = 10.0
        fourth = await hosts.primary.get(JOBS)

    answers = (first, second, third, other_host, fourth)
    assert [answer.status_code for answer in answers] == [200, 200, 429, 200, 200]
    assert (third.content, third.headers["retry-after"]) == (b"", "8")


async def test_the_limit_can_be_for_posting_alone(connect: Connect) -> None:
    async with connect(replace(DEFAULTS, max_requests_per_10_seconds=1, limit_reads=False)) as hosts:
        reads = [(await hosts.primary.get(JOBS)).status_code for _ in range(3)]
        posts = [(await hosts.send.post(JOBS, json=job())).status_code for _ in range(2)]

    assert (reads, posts) == ([200, 200, 200], [201, 429])


@pytest.mark.parametrize("authorization", ["", "Basic", "Basic ???", "Basic d3Jvbmc6d3Jvbmc=", "Bearer x"])
@pytest.mark.parametrize("path", [JOBS, f"{JOBS}/J.1", "/rest/v1/version"])
async def test_a_request_without_the_login_is_refused(hosts: Hosts, authorization: str, path: str) -> None:
    answer = await hosts.primary.get(path, headers={"Authorization": authorization})

    assert (answer.status_code, answer.content) == (401, b"")
    assert answer.headers["www-authenticate"].startswith("Basic")


async def test_media_types_are_held_to(hosts: Hosts) -> None:
    unacceptable = await hosts.primary.get(JOBS, headers={"Accept": "text/xml"})
    unsupported = await hosts.send.post(JOBS, content=b"{}", headers={"Content-Type": "text/plain"})

    assert (unacceptable.status_code, unsupported.status_code) == (406, 415)


async def test_the_same_seed_and_start_give_the_same_jobs(connect: Connect) -> None:
    async with connect() as first, connect() as second:
        assert await job_ids(first.primary) == await job_ids(second.primary)


async def test_a_job_can_have_more_recipients_than_a_page_of_any_client(hosts: Hosts) -> None:
    counts = [
        len((await hosts.primary.get(f"{JOBS}/{job_id}")).json()["recipientIds"])
        for job_id in await job_ids(hosts.primary)
    ]

    assert max(counts) == 120
