"""What the client of the SMS API puts on the wire, and what it makes of each answer."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone

import pytest

from resolvers.errors import (
    BadInput,
    Conflicting,
    InputRefused,
    UpstreamAuth,
    UpstreamBadAnswer,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamUnavailable,
)
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.sms.client import SmsClient, SmsConfig
from resolvers.upstreams.sms.requests import (
    JobIdQuery,
    JobOptions,
    JobRequest,
    Message,
    MessageRecipient,
    blackout_period,
    timestamp,
)
from resolvers.upstreams.sms.vocabulary import InvalidCharacters, SmsEncoding, SmsQos
from tests.upstreams.httpx_transport import HttpxTransport
from tests.upstreams.recording_server import RecordingServer, recording_server
from tests.upstreams.samples import sample

JOB_ID = "J.20180924-121731.737-0iey4kxqyTQCQDIFN1"
HELLO = JobRequest((Message("Hello", (MessageRecipient("+491"),)),))


@pytest.fixture
async def secondary() -> AsyncIterator[RecordingServer]:
    async with recording_server() as running:
        yield running


@pytest.fixture
async def send_host() -> AsyncIterator[RecordingServer]:
    async with recording_server() as running:
        yield running


@pytest.fixture
def client(
    server: RecordingServer, secondary: RecordingServer, send_host: RecordingServer, transport: HttpxTransport
) -> SmsClient:
    urls = (f"{server.url}/rest/v1", f"{secondary.url}/rest/v1")
    return SmsClient([transport, transport], transport, SmsConfig(urls, f"{send_host.url}/rest/v1"))


def in_munich(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2018, 9, day, hour, minute, tzinfo=timezone(timedelta(hours=2)))


async def test_a_data_centre_is_asked_by_its_place_in_the_settings(
    client: SmsClient, server: RecordingServer, secondary: RecordingServer, scope: CallScope
) -> None:
    secondary.answer("GET", f"/rest/v1/jobs/{JOB_ID}", sample("sms_job_report.json"))

    job = await client.job_report(scope, 1, JOB_ID)

    assert job is not None
    assert (job.job_id, job.recipient_count) == (JOB_ID, 4)
    assert secondary.only_request.headers["accept"] == "application/json"
    assert server.requests == []
    assert client.centres == 2


async def test_a_job_that_a_centre_does_not_know_is_none(
    client: SmsClient, server: RecordingServer, scope: CallScope
) -> None:
    server.answer("GET", "/rest/v1/jobs/J.1", status=404)

    assert await client.job_report(scope, 0, "J.1") is None


async def test_a_job_id_cannot_leave_its_place_in_the_path(
    client: SmsClient, server: RecordingServer, scope: CallScope
) -> None:
    server.answer("GET", "/rest/v1/jobs/J.1%2F..%3Fx", status=404)

    assert await client.job_report(scope, 0, "J.1/..?x") is None
    with pytest.raises(BadInput):
        await client.job_report(scope, 0, "..")
    assert len(server.requests) == 1


async def test_recipients_are_asked_for_by_their_job_and_carry_it(
    client: SmsClient, server: RecordingServer, scope: CallScope
) -> None:
    server.answer("GET", "/rest/v1/sms", sample("sms_recipients.json"))

    recipients = await client.recipients(scope, 0, "J.1+2")

    assert recipients is not None
    assert [recipient.job_id for recipient in recipients] == ["J.1+2"] * 3
    assert server.only_request.query == "jobId=J.1%2B2"


async def test_recipients_that_a_centre_does_not_have_are_none_or_an_empty_list_as_it_answered(
    client: SmsClient, server: RecordingServer, secondary: RecordingServer, scope: CallScope
) -> None:
    server.answer("GET", "/rest/v1/sms", status=404)
    secondary.answer("GET", "/rest/v1/sms", b"[]")

    assert await client.recipients(scope, 0, "J.1") is None
    assert await client.recipients(scope, 1, "J.1") == []


async def test_job_ids_are_asked_for_with_every_bound_that_is_set(
    client: SmsClient, server: RecordingServer, scope: CallScope
) -> None:
    server.answer("GET", "/rest/v1/jobs", sample("sms_job_list.json"))
    query = JobIdQuery(in_munich(1, 0), in_munich(24, 12, 30), open=False, limit=1000, offset=20)

    ids = await client.job_ids(scope, 0, query)

    assert ids == [
        "J.20180924-131731.737-0iey4kxqyTQCQDIFN1",
        "J.20180924-131731.907-0iey4kxqyTFUEFIFN1",
        "J.20180924-131731.933-0iey4kxqyTQCOPQRS1",
    ]
    assert server.only_request.parameters == {
        "jobIdsOnly": "true",
        "fromTs": "2018-09-01T00:00:00.000+02:00",
        "toTs": "2018-09-24T12:30:00.000+02:00",
        "open": "false",
        "limit": "1000",
        "offset": "20",
    }
    assert "fromTs=2018-09-01T00%3A00%3A00.000%2B02%3A00" in server.only_request.query


async def test_job_ids_without_bounds_are_ids_only_all_the_same(
    client: SmsClient, server: RecordingServer, scope: CallScope
) -> None:
    server.answer("GET", "/rest/v1/jobs", b"[]")

    assert await client.job_ids(scope, 0, JobIdQuery()) == []
    assert server.only_request.query == "jobIdsOnly=true"


async def test_the_version_is_read(client: SmsClient, server: RecordingServer, scope: CallScope) -> None:
    server.answer("GET", "/rest/v1/version", sample("sms_version.json"))

    version = await client.version(scope, 0)

    assert (version.major_version, version.minor_version) == (2015, 10)


async def test_a_job_is_posted_to_the_send_host_as_in_the_vendors_sample(
    client: SmsClient, server: RecordingServer, send_host: RecordingServer, scope: CallScope
) -> None:
    send_host.answer("POST", "/rest/v1/jobs", sample("sms_job_created.json"), status=201)
    options = JobOptions(
        source="retarusREST",
        encoding=SmsEncoding.UTF_16,
        billcode="Billingcode",
        status_requested=True,
        flash=False,
        customer_ref="JOBREF.000001",
        validity_minutes=5,
        max_parts=2,
        invalid_characters=InvalidCharacters.TRANSLITERATE,
        qos=SmsQos.EXPRESS,
        job_period=timestamp(in_munich(24, 11)),
        duplicate_detection=False,
        blackout_periods=(
            blackout_period(in_munich(24, 12), in_munich(24, 13)),
            blackout_period(in_munich(24, 18), in_munich(25, 8)),
        ),
    )
    in_germany = (
        MessageRecipient("+4917615500001", "RECIREF.001"),
        MessageRecipient(
            "+4917500001",
            "RECIREF.002",
            (
                blackout_period(in_munich(24, 12, 15), in_munich(24, 13)),
                blackout_period(in_munich(24, 20), in_munich(25, 10)),
            ),
        ),
    )
    night_in_america = (
        blackout_period(in_munich(24, 19), in_munich(24, 20)),
        blackout_period(in_munich(25, 1), in_munich(25, 15)),
    )
    in_america = tuple(
        MessageRecipient(destination, customer_ref, night_in_america)
        for destination, customer_ref in [
            ("+17615500002", "RECIREF.003"),
            ("+17500002", "RECIREF.004"),
            ("+17500003", "RECIREF.005"),
        ]
    )
    messages = (Message("Hello Germany...", in_germany), Message("Hello USA...", in_america))

    job_id = await client.create_job(scope, JobRequest(messages, options))

    expected = json.loads(sample("sms_job_request.json"))
    # The sample writes "utf-16"; the vendor's reference lists the word in upper case.
    expected["options"]["encoding"] = "UTF-16"
    assert job_id == "J.20180924-131731.737-0iey4kxqyTQCQDIFN1"
    assert send_host.only_request.json == expected
    assert send_host.only_request.headers["content-type"] == "application/json"
    assert server.requests == []


async def test_what_is_left_out_of_a_job_is_absent_from_the_wire(
    client: SmsClient, send_host: RecordingServer, scope: CallScope
) -> None:
    send_host.answer("POST", "/rest/v1/jobs", b'{"jobId": "J.1"}')

    await client.create_job(scope, HELLO)

    assert send_host.only_request.json == {"messages": [{"text": "Hello", "recipients": [{"dst": "+491"}]}]}


async def test_an_instant_in_utc_has_milliseconds_and_an_offset() -> None:
    assert timestamp(datetime(2024, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)) == "2024-01-02T03:04:05.678+00:00"


@pytest.mark.parametrize(
    ("answered", "error", "said"),
    [
        ((400, b""), InputRefused, "qos, encoding"),
        ((422, b""), InputRefused, "no messages"),
        ((422, b'{"message": "No text", "code": 17}'), InputRefused, "No text"),
        ((409, b""), Conflicting, "last 10 minutes"),
        ((409, b"<p>duplicate!"), Conflicting, "last 10 minutes"),
        ((409, b"duplicate!"), Conflicting, "duplicate!"),
        ((401, b""), UpstreamAuth, "credentials"),
        ((429, b""), UpstreamRateLimited, "later"),
        ((500, b""), UpstreamUnavailable, "HTTP 500"),
    ],
)
async def test_a_refused_job_is_the_error_that_fits_its_status(
    client: SmsClient,
    send_host: RecordingServer,
    scope: CallScope,
    answered: tuple[int, bytes],
    error: type[UpstreamError],
    said: str,
) -> None:
    status, body = answered
    send_host.answer("POST", "/rest/v1/jobs", body, status=status)

    with pytest.raises(error, match=said):
        await client.create_job(scope, HELLO)


async def test_a_list_that_is_refused_is_the_error_that_fits_its_status(
    client: SmsClient, server: RecordingServer, secondary: RecordingServer, scope: CallScope
) -> None:
    server.answer("GET", "/rest/v1/jobs", status=400)
    secondary.answer("GET", "/rest/v1/jobs", status=500)

    with pytest.raises(InputRefused, match="HTTP 400"):
        await client.job_ids(scope, 0, JobIdQuery())
    with pytest.raises(UpstreamUnavailable):
        await client.job_ids(scope, 1, JobIdQuery())


@pytest.mark.parametrize("body", [b"<html>", b"", b'{"message": "broken"}', b'[{"jobId": "J.1"'])
async def test_a_success_with_a_body_of_another_kind_is_a_bad_answer(
    client: SmsClient, server: RecordingServer, scope: CallScope, body: bytes
) -> None:
    for path in ("/rest/v1/jobs", "/rest/v1/sms", "/rest/v1/jobs/J.1", "/rest/v1/version"):
        server.answer("GET", path, body)

    with pytest.raises(UpstreamBadAnswer):
        await client.job_ids(scope, 0, JobIdQuery())
    with pytest.raises(UpstreamBadAnswer):
        await client.recipients(scope, 0, "J.1")
    with pytest.raises(UpstreamBadAnswer):
        await client.job_report(scope, 0, "J.1")
    with pytest.raises(UpstreamBadAnswer):
        await client.version(scope, 0)


@pytest.mark.parametrize(("status", "body"), [(201, b"<html>"), (503, b"")])
async def test_a_failure_after_posting_leaves_the_outcome_unknown(
    client: SmsClient, send_host: RecordingServer, scope: CallScope, status: int, body: bytes
) -> None:
    send_host.answer("POST", "/rest/v1/jobs", body, status=status)

    with pytest.raises(UpstreamError) as caught:
        await client.create_job(scope, HELLO)

    assert caught.value.outcome_unknown
