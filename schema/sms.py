"""SMS jobs and their recipients, as views of the records of Retarus SMS for Applications."""

from collections.abc import Awaitable
from datetime import datetime
from typing import Annotated, Any, Final

import strawberry

from resolvers.connections import MAX_FIRST, Connection
from resolvers.selection import OperationInfo
from resolvers.sms import jobs as sms_jobs
from resolvers.sms.jobs import MAX_RECIPIENTS
from resolvers.sms.listing import UnreadJob
from resolvers.sms.subjects import JobsAbout, jobs_about
from resolvers.upstreams import operations
from resolvers.upstreams.sms import records
from schema.enums import Progress, SmsEncoding, SmsProcessStatus, SmsQos
from schema.nodes import (
    After,
    Before,
    FirstRecipients,
    LastRecipients,
    Node,
    PageInfo,
    Trackable,
    is_record,
    page_of,
)
from schema.nullability import ITEMS_NULL_ONLY_ON_ERROR, NULL_ONLY_ON_ERROR
from schema.prices import (
    WHOLE_PAGE,
    CallForEach,
    JobOfRecipient,
    JobsAboutRecord,
    OneOfKinds,
    PageByFirst,
    RecipientsOfJob,
    priced,
)

SEARCHED: Final = 50
"""The jobs that a search for those about one record looks through, unless the client asks for another number."""


@strawberry.type(description="How many recipients of a job stand where; one that cannot be read counts nowhere.")
class RecipientSummary:
    """A view of the counts over a job's recipients."""

    pending: int = strawberry.field(description="Not sent yet.")
    in_progress: int = strawberry.field(description="Sent or being tried again, without an outcome yet.")
    succeeded: int = strawberry.field(description="Accepted or delivered.")
    failed: int = strawberry.field(description="Over, and not delivered.")
    cancelled: int = strawberry.field(description="Called off.")


@strawberry.type(description="One SMS to one number, a part of a job.")
class Recipient(Trackable):
    """A view of the report on one SMS."""

    is_type_of = is_record(records.Recipient)

    sms_id: str = strawberry.field(description="The upstream's own id of the SMS.")
    destination: str = strawberry.field(description="The number that the SMS goes to.")
    process_status: SmsProcessStatus = strawberry.field(
        description="Where the SMS stands in the upstream's processing."
    )
    # No enum: the document shows some of its words and no list of them; `processStatus` is enough to act on.
    status: str | None = strawberry.field(
        description="The detail beside processStatus, such as SUC_FIN; absent while pending."
    )
    customer_ref: str | None = strawberry.field(description="The sender's reference; the number where none was given.")
    reason: str | None = strawberry.field(description="The upstream's explanation of the status.")
    sent_at: datetime | None = strawberry.field(description="When the SMS was sent.")
    finished_at: datetime | None = strawberry.field(description="When the SMS came to its outcome.")
    job = strawberry.field(
        resolver=sms_jobs.job_of_recipient,
        # By its name, because its class stands below: the two refer to each other.
        graphql_type="SmsJob | None",
        description="The job that the SMS belongs to.",
        metadata=priced(JobOfRecipient()),
    )


@strawberry.type(description="A recipient and its place in the list.")
class RecipientEdge:
    """A view of one edge of a connection."""

    cursor: str = strawberry.field(description="Pass as `after` to go on behind this recipient.")
    node: Recipient | None = strawberry.field(
        description="The recipient; null where it could not be read.", directives=[NULL_ONLY_ON_ERROR]
    )


@strawberry.type(description="One page of a job's recipients.")
class RecipientConnection:
    """A view of a connection of recipients."""

    edges: list[RecipientEdge] = strawberry.field(
        description="The recipients of this page with their cursors.", metadata=priced(size=WHOLE_PAGE)
    )
    nodes: list[Recipient | None] = strawberry.field(
        description="The recipients of this page.",
        metadata=priced(size=WHOLE_PAGE),
        directives=[ITEMS_NULL_ONLY_ON_ERROR],
    )
    page_info: PageInfo = strawberry.field(description="Where in the list this page stands.")
    # Always known, because the API answers all recipients of a job at once.
    total_count: int = strawberry.field(description="How many recipients the job has, over all pages.")


# A function of the schema, because it declares the arguments with their descriptions and defaults.
def _recipients(
    job: strawberry.Parent[records.SmsJob | records.JobReference],
    info: OperationInfo,
    first: FirstRecipients = 50,
    after: After = strawberry.UNSET,
    last: LastRecipients = strawberry.UNSET,
    before: Before = strawberry.UNSET,
) -> Awaitable[Connection[records.Recipient] | None]:
    request = page_of(first, after, last, before, default=50, maximum=MAX_RECIPIENTS)
    return sms_jobs.recipients_of(info.context, job.job_id, request)


@strawberry.type(description="One or more texts to up to 3000 recipients, sent together.")
class SmsJob(Trackable):
    """A view of a job's report."""

    # By its report, by its id alone if no field needs the report, or one whose report failed.
    is_type_of = is_record(records.SmsJob, records.JobReference, UnreadJob)

    # Declared again, like `rawStatus`, for what it means here.
    progress: Progress = strawberry.field(
        description=(
            "IN_PROGRESS until finishedAt, then SUCCEEDED: the job was worked off. "
            "What became of each SMS is in recipients and recipientSummary."
        )
    )
    raw_status: str = strawberry.field(
        description="The upstream has no status word for a job: 'open' until finishedAt, then 'finished'."
    )
    job_id: str = strawberry.field(description="The upstream's own id.")
    # Nullable, as all that only a report has: a job without one yet is shown by the input that made it.
    source: str | None = strawberry.field(description="The sender that the phones show: a number or a short name.")
    encoding: SmsEncoding | None = strawberry.field(description="How the texts are encoded.")
    billcode: str | None = strawberry.field(description="A word for the upstream's bill.")
    status_requested: bool | None = strawberry.field(description="Whether delivery notifications were asked for.")
    flash: bool | None = strawberry.field(description="Whether the SMS are shown at once and not stored.")
    validity_minutes: int | None = strawberry.field(
        description="How long delivery is tried, in minutes; 0 is the provider's default."
    )
    customer_ref: str | None = strawberry.field(description="The sender's reference of the job.")
    qos: SmsQos | None = strawberry.field(description="How urgent the job is.")
    received_at: datetime | None = strawberry.field(description="When the upstream took the job.")
    finished_at: datetime | None = strawberry.field(description="When the job was worked off.")
    recipient_count: int = strawberry.field(description="How many recipients the job has.")
    recipients = strawberry.field(
        resolver=_recipients,
        graphql_type=RecipientConnection | None,
        description="The job's recipients, by page.",
        metadata=priced(RecipientsOfJob(), PageByFirst(50, MAX_RECIPIENTS)),
    )
    recipient_summary = strawberry.field(
        resolver=sms_jobs.recipient_summary,
        graphql_type=RecipientSummary | None,
        description="How many recipients stand where; costs the recipients' call.",
        metadata=priced(CallForEach(operations.RECIPIENTS, "RecipientSummary")),
    )
    regarding = strawberry.field(
        resolver=sms_jobs.regarding,
        graphql_type=Node | None,
        description="The delivery or logistics task that this job was sent about (SendSmsInput.regarding).",
        # By the dearer of the two, because which it is stands in the job, which is read after the estimate.
        metadata=priced(OneOfKinds(("Delivery", "LogisticsTask"))),
    )


@strawberry.type(
    description=(
        "SMS jobs about one thing, found among the account's latest jobs: the API cannot be asked for them. Another "
        "page goes on among older jobs, so `nodes` may be empty although `hasNextPage` is true."
    )
)
class SmsJobSearch:
    """A view of what a search has found."""

    nodes: list[SmsJob] = strawberry.field(
        description="The jobs about it, newest first.", metadata=priced(size=WHOLE_PAGE)
    )
    searched: int = strawberry.field(description="How many jobs were looked through, whatever they are about.")
    page_info: PageInfo = strawberry.field(
        description="Whether older jobs are left to look through, back to 3 months, and the cursor that leads to them."
    )


def _jobs_about(
    record: strawberry.Parent[Trackable],
    info: OperationInfo,
    first: Annotated[
        int | None,
        strawberry.argument(
            name="first", description="How many jobs to look through, from 1 to 100; null is the default."
        ),
    ] = SEARCHED,
    after: After = strawberry.UNSET,
) -> Awaitable[JobsAbout]:
    return jobs_about(info, record.id, page_of(first, after, None, None, default=SEARCHED))


def sms_jobs_about(noun: str) -> Any:  # noqa: ANN401 - Strawberry types a field as its value
    """Return the field `smsJobs` of a type of record that jobs can be about.

    Args:
        noun: What the record is, in the field's description.
    """
    return strawberry.field(
        resolver=_jobs_about,
        graphql_type=SmsJobSearch | None,
        description=(
            f"The SMS jobs that were sent about this {noun} (SendSmsInput.regarding). Costs the list of each data "
            "centre and a report for each job that is looked through, once for all that ask the same in an operation."
        ),
        metadata=priced(JobsAboutRecord(), PageByFirst(SEARCHED, MAX_FIRST)),
        directives=[NULL_ONLY_ON_ERROR],
    )


@strawberry.type(description="A job and its place in the list.")
class SmsJobEdge:
    """A view of one edge of a connection."""

    cursor: str = strawberry.field(description="Pass as `after` to go on behind this job.")
    node: SmsJob | None = strawberry.field(
        description="The job; what needs its report is null where that could not be read.",
        directives=[NULL_ONLY_ON_ERROR],
    )


@strawberry.type(
    description=(
        "A list of job ids; each job's own fields cost its report, so one report that fails makes one node null. "
        "Where of the report only fields that may be null are asked for, the job stands there with its id."
    )
)
class SmsJobConnection:
    """A view of a connection of jobs."""

    edges: list[SmsJobEdge] = strawberry.field(
        description="The jobs of this page with their cursors.", metadata=priced(size=WHOLE_PAGE)
    )
    nodes: list[SmsJob | None] = strawberry.field(
        description="The jobs of this page.", metadata=priced(size=WHOLE_PAGE), directives=[ITEMS_NULL_ONLY_ON_ERROR]
    )
    page_info: PageInfo = strawberry.field(description="Where in the list this page stands.")


@strawberry.type(description="Which version of the SMS API answers.")
class SmsApiVersion:
    """A view of the upstream's version."""

    major_version: int = strawberry.field(description="The first number of the version.")
    minor_version: int = strawberry.field(description="The second number of the version.")
    build_number: int = strawberry.field(description="The number of the build.")
    # Text, because the document's example is not in ISO 8601.
    build_timestamp: str = strawberry.field(description="When it was built, as the upstream writes it.")
    version_info: str | None = strawberry.field(description="The version as the upstream writes it.")
    message: str | None = strawberry.field(description="What else the upstream says about it.")
