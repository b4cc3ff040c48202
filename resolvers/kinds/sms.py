"""The types of record of the SMS API."""

from datetime import datetime
from typing import Final

from resolvers.accounts import Account
from resolvers.cache.kind import CachedKind, Freshness, always, by_state
from resolvers.catalogue import RecordType
from resolvers.ids import pair_form, word_form
from resolvers.sms.data_centres import read_job, read_recipients
from resolvers.unreadable import recipient_in
from resolvers.upstreams import operations
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.lenient import UnreadableRecord
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.sms.records import Recipient, SmsApiVersion, SmsJob

# The documents show examples, and for jobs a pattern that allows any character; no other form has been seen.
JOB_ID: Final = word_form("SmsJob", "the API's job id", "J.20180924-131731.737-0iey4kxqyTQCQDIFN1")
RECIPIENT_ID: Final = pair_form(
    "Recipient", "a job id and an SMS id", "J.20180924-131731.737-0iey4kxqyTQCQDIFN1/S.20180924-131731-00001"
)

JOBS_LIST: Final = "sms jobs"


async def _sms_version(account: Account, scope: CallScope, _: str) -> SmsApiVersion:
    # Of the primary data centre, because the schema has one version.
    return await account.sms.version(scope, 0)


def _freshness_of(recipients: list[Recipient]) -> Freshness:
    # A recipient that cannot be read may still change.
    final = all(not isinstance(one, UnreadableRecord) and one.final for one in recipients)
    return Freshness.FINAL if final else Freshness.ACTIVE


RECIPIENTS: Final = CachedKind[list[Recipient]](
    "recipients of sms job",
    list[Recipient],
    UpstreamName.SMS,
    _freshness_of,
    fetch=read_recipients,
    operation=operations.RECIPIENTS,
    path="/sms?jobId={id}",
)


JOB: Final = CachedKind[SmsJob](
    "sms job",
    SmsJob,
    UpstreamName.SMS,
    by_state,
    fetch=read_job,
    # The recipients' statuses change with the job.
    dependents=(RECIPIENTS,),
    lists=(JOBS_LIST,),
    operation=operations.JOB_REPORT,
    path="/jobs/{id}",
)


SMS_VERSION: Final = CachedKind[SmsApiVersion](
    "sms api version",
    SmsApiVersion,
    UpstreamName.SMS,
    always(Freshness.REFERENCE),
    fetch=_sms_version,
    operation=operations.SMS_VERSION,
    path="/version",
)


JOB_IDS: Final = CachedKind[list[str | None]](
    "page of sms jobs",
    list[str | None],
    UpstreamName.SMS,
    always(Freshness.LIST),
    lists=(JOBS_LIST,),
    shared=False,
    operation=operations.JOB_IDS,
    path="/jobs",
)


PRESENT: Final = CachedKind[datetime](
    "present of sms jobs",
    datetime,
    UpstreamName.SMS,
    always(Freshness.LIST),
    lists=(JOBS_LIST,),
    shared=False,
)

JOB_TYPE: Final = RecordType(JOB_ID, JOB, tracked=SmsJob)
RECIPIENT_TYPE: Final = RecordType(RECIPIENT_ID, RECIPIENTS, tracked=Recipient, part=recipient_in)
"""A recipient is a part of its job's recipients, because the API returns only all of them, by the job's id."""
