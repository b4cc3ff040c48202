"""SMS jobs, their recipients and the API's version, decoded from the vendor's reports.

Records refer to nothing that refers back to them, so the garbage collector need not follow them (`gc=False`).
"""

from datetime import datetime
from typing import Any

import msgspec

from resolvers.ids import global_id
from resolvers.upstreams.fields import Int32, NonEmpty, instant, promised_at
from resolvers.upstreams.lenient import UnreadableRecord
from resolvers.upstreams.names import Progress, UpstreamName
from resolvers.upstreams.sms.requests import JobOptions, JobRequest
from resolvers.upstreams.sms.vocabulary import (
    ENCODING_OF_WORD,
    FINAL_OF_PROCESS_STATUS,
    PROCESS_STATUS_OF_WORD,
    PROGRESS_OF_WORDS,
    QOS_OF_WORD,
    SmsEncoding,
    SmsProcessStatus,
    SmsQos,
    progress_of,
)


class JobReport(msgspec.Struct, frozen=True, rename="camel"):
    """A job's report on the wire, from which `SmsJob` is made (documents: "Getting the status for a single job")."""

    job_id: NonEmpty
    # Of any type, because they are only counted.
    recipient_ids: list[Any]
    src: str | None = None
    encoding: str | None = None
    billcode: str | None = None
    status_requested: bool | None = None
    flash: bool | None = None
    validity_min: Int32 | None = None
    customer_ref: str | None = None
    qos: str | None = None
    receipt_ts: Any = None
    finished_ts: Any = None


class SmsJob(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A job by its report, or as it was posted while it has none. Lifetime: cache entry."""

    # Of the report's recipient ids only their number is kept, because there are up to 3000.

    job_id: str
    source: str | None = None
    encoding: SmsEncoding | None = None
    billcode: str | None = None
    status_requested: bool | None = None
    flash: bool | None = None
    validity_minutes: int | None = None
    customer_ref: str | None = None
    qos: SmsQos | None = None
    received_at: datetime | None = None
    finished_at: datetime | None = None
    recipient_count: int

    @classmethod
    def from_report(cls, report: JobReport) -> "SmsJob":
        """Make the job of the upstream's report."""
        return cls(
            job_id=report.job_id,
            source=report.src,
            encoding=_encoding(report.encoding),
            billcode=report.billcode,
            status_requested=report.status_requested,
            flash=report.flash,
            validity_minutes=report.validity_min,
            customer_ref=report.customer_ref,
            qos=_qos(report.qos),
            received_at=instant(report.receipt_ts),
            finished_at=instant(report.finished_ts),
            recipient_count=len(report.recipient_ids),
        )

    @classmethod
    def from_request(cls, job_id: str, request: JobRequest) -> "SmsJob":
        """Make the job of the request that posted it; fields left to the account's defaults are None."""
        # Not filled in from documents: what an account's defaults are stands in the vendor's portal only.
        options = request.options or JobOptions()
        return cls(
            job_id=job_id,
            source=options.source,
            encoding=options.encoding,
            billcode=options.billcode,
            status_requested=options.status_requested,
            flash=options.flash,
            validity_minutes=options.validity_minutes,
            customer_ref=options.customer_ref,
            qos=options.qos,
            recipient_count=sum(len(message.recipients) for message in request.messages),
        )

    @property
    def id(self) -> str:
        """The global ID."""
        return global_id("SmsJob", self.job_id)

    @property
    def progress(self) -> Progress:
        """SUCCEEDED once the job is finished, even if SMS of it failed."""
        return Progress.IN_PROGRESS if self.finished_at is None else Progress.SUCCEEDED

    @property
    def final(self) -> bool:
        """No further change will come."""
        return self.finished_at is not None

    @property
    def raw_status(self) -> str:
        """The status in words of ours, because the upstream has none."""
        return "open" if self.finished_at is None else "finished"


class JobReference(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A job of which only the id is known: the answer to posting one, and an entry of the list."""

    job_id: NonEmpty

    @property
    def id(self) -> str:
        """The global ID."""
        return global_id("SmsJob", self.job_id)


class Recipient(msgspec.Struct, frozen=True, gc=False):
    """The SMS to one recipient of a job. Lifetime: cache entry.

    `raw_status` is the upstream's processStatus; `status` is the detail beside it, such as `SUC_FIN`.
    `job_id` is not on the wire: `set_job` adds it.
    """

    sms_id: NonEmpty = msgspec.field(name="smsId")
    raw_status: str = msgspec.field(name="processStatus")
    wire_destination: str | None = msgspec.field(name="dst", default=None)
    job_id: str = ""
    status: str | None = None
    customer_ref: str | None = msgspec.field(name="customerRef", default=None)
    reason: str | None = None
    sent_timestamp: Any = msgspec.field(name="sentTs", default=None)
    finished_timestamp: Any = msgspec.field(name="finishedTs", default=None)

    destination = promised_at("wire_destination", UpstreamName.SMS)

    @property
    def id(self) -> str:
        """The global ID, which names the job too, because no call finds a recipient by its own id only."""
        return global_id("Recipient", f"{self.job_id}/{self.sms_id}")

    @property
    def process_status(self) -> SmsProcessStatus:
        """The status, in the vendor's vocabulary."""
        return PROCESS_STATUS_OF_WORD[self.raw_status]

    @property
    def progress(self) -> Progress:
        """The status, in the vocabulary of all upstreams."""
        # As they came first, because nearly all are in the vendor's spelling, and are then found without being folded.
        words = (self.raw_status, self.status)
        return PROGRESS_OF_WORDS.get(words) or progress_of(*words)

    @property
    def final(self) -> bool:
        """No further change will come."""
        return FINAL_OF_PROCESS_STATUS[self.raw_status]

    @property
    def sent_at(self) -> datetime | None:
        """When it was handed to the network."""
        return instant(self.sent_timestamp)

    @property
    def finished_at(self) -> datetime | None:
        """When its status became final."""
        return instant(self.finished_timestamp)


def set_job(recipients: list[Recipient], job_id: str) -> None:
    """Set the job of recipients that were just decoded."""
    # Written into frozen records, because nothing else refers to them yet and copies would cost time.
    for recipient in recipients:
        if not isinstance(recipient, UnreadableRecord):
            msgspec.structs.force_setattr(recipient, "job_id", job_id)


class SmsApiVersion(msgspec.Struct, frozen=True, gc=False):
    """The version of the API that a centre runs (documents: "Getting API version information")."""

    major_version: Int32 = msgspec.field(name="majorVersion")
    wire_minor_version: Int32 | None = msgspec.field(name="minorVersion", default=None)
    wire_build_number: Int32 | None = msgspec.field(name="buildNumber", default=None)
    wire_build_timestamp: str | None = msgspec.field(name="buildTimestamp", default=None)
    version_info: str | None = msgspec.field(name="versionInfo", default=None)
    message: str | None = None

    minor_version = promised_at("wire_minor_version", UpstreamName.SMS)
    build_number = promised_at("wire_build_number", UpstreamName.SMS)
    build_timestamp = promised_at("wire_build_timestamp", UpstreamName.SMS)


JOB_REPORT = msgspec.json.Decoder(JobReport)
RECIPIENTS = msgspec.json.Decoder(list[Recipient])
JOB_REFERENCE = msgspec.json.Decoder(JobReference)
JOB_REFERENCES = msgspec.json.Decoder(list[JobReference])
VERSION = msgspec.json.Decoder(SmsApiVersion)


def _encoding(word: str | None) -> SmsEncoding | None:
    return None if word is None else ENCODING_OF_WORD[word]


def _qos(word: str | None) -> SmsQos | None:
    return None if word is None else QOS_OF_WORD[word]
