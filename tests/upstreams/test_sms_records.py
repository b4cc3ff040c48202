"""SMS reports as the vendor's samples show them, and as they may come one day."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from resolvers.upstreams.names import Progress
from resolvers.upstreams.sms.records import (
    JOB_REFERENCE,
    JOB_REFERENCES,
    JOB_REPORT,
    RECIPIENTS,
    VERSION,
    Recipient,
    SmsJob,
    set_job,
)
from resolvers.upstreams.sms.requests import JobOptions, JobRequest, Message, MessageRecipient
from resolvers.upstreams.sms.vocabulary import SmsEncoding, SmsProcessStatus, SmsQos
from tests.upstreams.samples import sample

SUMMER_IN_MUNICH = timezone(timedelta(hours=2))


def job(**changes: object) -> SmsJob:
    """The vendor's sample with other values."""
    report = msgspec.json.decode(sample("sms_job_report.json")) | changes
    return SmsJob.from_report(JOB_REPORT.decode(msgspec.json.encode(report)))


def recipient(**changes: object) -> Recipient:
    wire = {"smsId": "S.1", "dst": "+4917615500001", "processStatus": "OPEN"} | changes
    (record,) = RECIPIENTS.decode(msgspec.json.encode([wire]))
    return record


def test_the_sample_of_a_job_report_has_every_value_under_our_names() -> None:
    record = SmsJob.from_report(JOB_REPORT.decode(sample("sms_job_report.json")))

    assert record == SmsJob(
        job_id="J.20180924-121731.737-0iey4kxqyTQCQDIFN1",
        source="retarusREST",
        encoding=SmsEncoding.STANDARD,
        billcode="Billingcode",
        status_requested=True,
        flash=False,
        validity_minutes=5,
        customer_ref="JOBREF.000001",
        qos=SmsQos.EXPRESS,
        received_at=datetime(2018, 9, 24, 12, 17, 44, 653000, tzinfo=SUMMER_IN_MUNICH),
        finished_at=datetime(2018, 9, 24, 12, 19, 42, 668000, tzinfo=SUMMER_IN_MUNICH),
        recipient_count=4,
    )
    assert record.id == "SmsJob:J.20180924-121731.737-0iey4kxqyTQCQDIFN1"


def test_a_finished_job_has_succeeded_for_good() -> None:
    record = job(finishedTs="2018-09-24T10:19:42Z")

    assert (record.progress, record.final, record.raw_status) == (Progress.SUCCEEDED, True, "finished")
    assert record.finished_at == datetime(2018, 9, 24, 10, 19, 42, tzinfo=UTC)


def test_an_unfinished_job_is_in_progress() -> None:
    record = job(finishedTs=None)

    assert (record.progress, record.final, record.raw_status) == (Progress.IN_PROGRESS, False, "open")


@pytest.mark.parametrize(
    ("word", "encoding"),
    [
        ("standard", SmsEncoding.STANDARD),
        ("STANDARD", SmsEncoding.STANDARD),
        ("utf-16", SmsEncoding.UTF_16),
        ("UTF-16", SmsEncoding.UTF_16),
        ("morse", SmsEncoding.UNKNOWN),
        (None, None),
    ],
)
def test_an_encoding_is_known_in_any_case(word: str | None, encoding: SmsEncoding | None) -> None:
    assert job(encoding=word).encoding is encoding


@pytest.mark.parametrize(
    ("word", "qos"),
    [("NORMAL", SmsQos.NORMAL), ("express", SmsQos.EXPRESS), ("WHENEVER", SmsQos.UNKNOWN), (None, None)],
)
def test_a_quality_of_service_is_known_in_any_case(word: str | None, qos: SmsQos | None) -> None:
    assert job(qos=word).qos is qos


def test_a_report_of_the_least_is_a_job() -> None:
    record = SmsJob.from_report(JOB_REPORT.decode(b'{"jobId": "J.1", "recipientIds": [], "mood": "fine"}'))

    assert record == SmsJob(job_id="J.1", recipient_count=0)


@pytest.mark.parametrize("body", [b'{"recipientIds": []}', b'{"jobId": "J.1"}'])
def test_a_report_without_what_every_one_has_is_refused(body: bytes) -> None:
    with pytest.raises(msgspec.ValidationError, match="missing required field"):
        JOB_REPORT.decode(body)


def test_a_posted_job_stands_in_for_its_report() -> None:
    to_one, to_two = (MessageRecipient("+491"),), (MessageRecipient("+492"), MessageRecipient("+493"))
    options = JobOptions(
        source="Shop",
        encoding=SmsEncoding.UTF_16,
        billcode="B1",
        status_requested=True,
        flash=False,
        customer_ref="R1",
        validity_minutes=60,
        qos=SmsQos.NORMAL,
    )

    record = SmsJob.from_request("J.1", JobRequest((Message("Hello", to_one), Message("Hallo", to_two)), options))

    assert record == SmsJob(
        job_id="J.1",
        source="Shop",
        encoding=SmsEncoding.UTF_16,
        billcode="B1",
        status_requested=True,
        flash=False,
        customer_ref="R1",
        validity_minutes=60,
        qos=SmsQos.NORMAL,
        recipient_count=3,
    )


def test_a_job_that_was_posted_without_options_has_none() -> None:
    record = SmsJob.from_request("J.1", JobRequest((Message("Hello", (MessageRecipient("+491"),)),)))

    assert record == SmsJob(job_id="J.1", recipient_count=1)


def test_the_samples_of_posting_and_of_the_list_name_jobs_only_by_id() -> None:
    posted = JOB_REFERENCE.decode(sample("sms_job_created.json"))
    listed = JOB_REFERENCES.decode(sample("sms_job_list.json"))

    assert posted.id == "SmsJob:J.20180924-131731.737-0iey4kxqyTQCQDIFN1"
    assert [reference.job_id for reference in listed] == [
        "J.20180924-131731.737-0iey4kxqyTQCQDIFN1",
        "J.20180924-131731.907-0iey4kxqyTFUEFIFN1",
        "J.20180924-131731.933-0iey4kxqyTQCOPQRS1",
    ]


def test_the_sample_of_recipients_has_every_value_under_our_names() -> None:
    first, second, third = RECIPIENTS.decode(sample("sms_recipients.json"))

    assert (first.sms_id, first.destination) == ("S.20180924-114600-00001", "+4917615500001")
    assert (first.raw_status, first.status) == ("DONE", "SUC_FIN")
    assert (first.customer_ref, first.reason) == ("RECIREF.001", "Delivered to destination.")
    assert first.sent_at == datetime(2018, 9, 24, 18, 9, 47, 445000, tzinfo=SUMMER_IN_MUNICH)
    assert first.finished_at == datetime(2018, 9, 24, 18, 9, 52, 445000, tzinfo=SUMMER_IN_MUNICH)
    assert (second.status, second.finished_at) == ("SUC_ACC", None)
    assert (third.status, third.reason, third.sent_at) == (None, None, None)


def test_recipients_get_their_job_and_carry_it_in_their_ids() -> None:
    recipients = RECIPIENTS.decode(sample("sms_recipients.json"))

    set_job(recipients, "J.1")

    assert [record.id for record in recipients] == [
        "Recipient:J.1/S.20180924-114600-00001",
        "Recipient:J.1/S.20180924-114600-00002",
        "Recipient:J.1/S.20180924-114600-00003",
    ]


@pytest.mark.parametrize(
    ("word", "detail", "process_status", "progress", "final"),
    [
        ("OPEN", None, SmsProcessStatus.OPEN, Progress.PENDING, False),
        ("OPEN", "", SmsProcessStatus.OPEN, Progress.PENDING, False),
        ("OPEN", "SUC_ACC", SmsProcessStatus.OPEN, Progress.IN_PROGRESS, False),
        ("RUNNING", None, SmsProcessStatus.RUNNING, Progress.IN_PROGRESS, False),
        ("DONE", "SUC_ACC", SmsProcessStatus.DONE, Progress.SUCCEEDED, True),
        ("DONE", "SUC_FIN", SmsProcessStatus.DONE, Progress.SUCCEEDED, True),
        ("DONE", "INVALID_DST", SmsProcessStatus.DONE, Progress.FAILED, True),
        ("DONE", "A_NEW_ONE", SmsProcessStatus.DONE, Progress.FAILED, True),
        ("DONE", None, SmsProcessStatus.DONE, Progress.FAILED, True),
        ("CANCELED", None, SmsProcessStatus.CANCELED, Progress.CANCELLED, True),
        ("CANCELED", "NOT_ACC_REC", SmsProcessStatus.CANCELED, Progress.CANCELLED, True),
        ("KILL", "SUC_FIN", SmsProcessStatus.KILL, Progress.CANCELLED, True),
        ("TELEPORTING", "SUC_FIN", SmsProcessStatus.UNKNOWN, Progress.IN_PROGRESS, False),
    ],
)
def test_process_status_and_detail_mean_a_progress_and_whether_it_is_final(
    word: str, detail: str | None, process_status: SmsProcessStatus, progress: Progress, final: bool
) -> None:
    record = recipient(processStatus=word, status=detail)

    assert record.process_status is process_status
    assert (record.progress, record.final) == (progress, final)
    assert record.raw_status == word


def test_a_timestamp_that_is_none_spoils_no_list() -> None:
    record = recipient(sentTs="soon", finishedTs=17)

    assert (record.sent_at, record.finished_at) == (None, None)


@pytest.mark.parametrize("body", [b'[{"dst": "+49", "processStatus": "OPEN"}]', b'[{"smsId": "S.1", "dst": "+49"}]'])
def test_a_recipient_without_what_every_one_has_is_refused(body: bytes) -> None:
    with pytest.raises(msgspec.ValidationError, match="missing required field"):
        RECIPIENTS.decode(body)


def test_the_sample_of_the_version_has_every_value_under_our_names() -> None:
    version = VERSION.decode(sample("sms_version.json"))

    assert (version.major_version, version.minor_version, version.build_number) == (2015, 10, 39)
    assert version.build_timestamp == "2018-03-26 17:21:55 +0200"
    assert (version.version_info, version.message) == ("REST Interface", "1st version.")
