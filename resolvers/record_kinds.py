"""Every kind of record: how it is fetched, how long it is good, and what falls with it when it changes."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from resolvers.accounts import Account
from resolvers.cache.freshness import Freshness
from resolvers.cache.kind import CachedKind, always, by_state
from resolvers.loading.delivery_batches import MAX_DELIVERY_BATCH, read_delivery, read_together
from resolvers.sms.data_centres import read_job, read_recipients
from resolvers.unreadable import readable
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.deliveries.records import Delivery, DeliveryPage, DspUploadIdentification, Product
from resolvers.upstreams.lenient import UnreadableRecord
from resolvers.upstreams.logistics.account_records import Organization, Partner, Role
from resolvers.upstreams.logistics.list_page import ListPage
from resolvers.upstreams.logistics.stop_records import PriceQuote
from resolvers.upstreams.logistics.task_records import LogisticsTask
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.sms.records import Recipient, SmsApiVersion, SmsJob

DELIVERIES_LIST: Final = "deliveries"
JOBS_LIST: Final = "sms jobs"
TASKS_LIST: Final = "logistics tasks"
ORGANIZATIONS_LIST: Final = "organizations"


async def _product(account: Account, scope: CallScope, product_id: str) -> Product | None:
    return await account.deliveries.product(scope, product_id)


async def _product_of(account: Account, scope: CallScope, delivery_id: str) -> Product | None:
    return await account.deliveries.product_of(scope, delivery_id)


async def _identification(account: Account, scope: CallScope, identification_id: str) -> DspUploadIdentification | None:
    return await account.deliveries.upload_identification(scope, identification_id)


async def _identification_of(account: Account, scope: CallScope, delivery_id: str) -> DspUploadIdentification | None:
    return await account.deliveries.upload_identification_of(scope, delivery_id)


async def _task(account: Account, scope: CallScope, task_id: str) -> LogisticsTask | None:
    return await account.logistics.task(scope, task_id)


async def _organization(account: Account, scope: CallScope, organization_id: str) -> Organization | None:
    return await account.logistics.organization(scope, organization_id)


async def _roles(account: Account, scope: CallScope, organization_id: str) -> list[Role]:
    return await account.logistics.roles(scope, organization_id)


async def _partner(account: Account, scope: CallScope, _: str) -> Partner:
    return await account.logistics.partner(scope)


async def _sms_version(account: Account, scope: CallScope, _: str) -> SmsApiVersion:
    return await account.sms.version(scope, 0)


def _recipients_lifetime(recipients: list[Recipient]) -> Freshness:
    final = all(not isinstance(one, UnreadableRecord) and one.final for one in recipients)
    return Freshness.FINAL if final else Freshness.ACTIVE


def _deliveries_of(page: DeliveryPage) -> Iterable[tuple[CachedKind[Any], str, Any]]:
    return [(DELIVERY, delivery.send_task_id, delivery) for delivery in readable(page.records)]


def _tasks_of(page: ListPage[LogisticsTask]) -> Iterable[tuple[CachedKind[Any], str, Any]]:
    return [(TASK, task.task_id, task) for task in readable(page.records)]


def _organizations_of(page: ListPage[Organization]) -> Iterable[tuple[CachedKind[Any], str, Any]]:
    return [(ORGANIZATION, one.organization_id, one) for one in readable(page.records)]


PRODUCT: Final = CachedKind[Product](
    "product",
    Product,
    UpstreamName.DELIVERIES,
    always(Freshness.REFERENCE),
    fetch=_product,
    path="/products/{id}",
)
IDENTIFICATION: Final = CachedKind[DspUploadIdentification](
    "dsp upload identification",
    DspUploadIdentification,
    UpstreamName.DELIVERIES,
    always(Freshness.REFERENCE),
    fetch=_identification,
    path="/dsp-upload-identifications/{id}",
)
PRODUCT_OF_DELIVERY: Final = CachedKind[Any](
    "product of delivery",
    str,
    UpstreamName.DELIVERIES,
    always(Freshness.RELATIONSHIP),
    fetch=_product_of,
    holds=lambda product: [(PRODUCT, product.product_id, product)],
    leads_to=PRODUCT,
    path="/send-tasks/{id}/product",
)
IDENTIFICATION_OF_DELIVERY: Final = CachedKind[Any](
    "dsp upload identification of delivery",
    str,
    UpstreamName.DELIVERIES,
    always(Freshness.RELATIONSHIP),
    fetch=_identification_of,
    holds=lambda channel: [(IDENTIFICATION, channel.dsp_upload_identification_id, channel)],
    leads_to=IDENTIFICATION,
    path="/send-tasks/{id}/dsp-upload-identification",
)
DELIVERY: Final = CachedKind[Delivery](
    "delivery",
    Delivery,
    UpstreamName.DELIVERIES,
    by_state,
    fetch=read_delivery,
    fetch_many=read_together,
    max_batch=MAX_DELIVERY_BATCH,
    dependents=(PRODUCT_OF_DELIVERY, IDENTIFICATION_OF_DELIVERY),
    lists=(DELIVERIES_LIST,),
    path="/send-tasks/{id}",
)
RECIPIENTS: Final = CachedKind[list[Recipient]](
    "recipients of sms job",
    list[Recipient],
    UpstreamName.SMS,
    _recipients_lifetime,
    fetch=read_recipients,
    path="/sms?jobId={id}",
)
JOB: Final = CachedKind[SmsJob](
    "sms job",
    SmsJob,
    UpstreamName.SMS,
    by_state,
    fetch=read_job,
    dependents=(RECIPIENTS,),
    lists=(JOBS_LIST,),
    path="/jobs/{id}",
)
SMS_VERSION: Final = CachedKind[SmsApiVersion](
    "sms api version",
    SmsApiVersion,
    UpstreamName.SMS,
    always(Freshness.REFERENCE),
    fetch=_sms_version,
    path="/version",
)
TASK: Final = CachedKind[LogisticsTask](
    "logistics task",
    LogisticsTask,
    UpstreamName.LOGISTICS,
    by_state,
    fetch=_task,
    lists=(TASKS_LIST,),
    path="/platform/tasks/{id}",
)
ROLES: Final = CachedKind[list[Role]](
    "roles of organization",
    list[Role],
    UpstreamName.LOGISTICS,
    always(Freshness.REFERENCE),
    fetch=_roles,
    path="/platform/organizations/{id}/roles",
)
ORGANIZATION: Final = CachedKind[Organization](
    "organization",
    Organization,
    UpstreamName.LOGISTICS,
    always(Freshness.REFERENCE),
    fetch=_organization,
    dependents=(ROLES,),
    lists=(ORGANIZATIONS_LIST,),
    path="/platform/organizations/{id}",
)
PARTNER: Final = CachedKind[Partner](
    "partner",
    Partner,
    UpstreamName.LOGISTICS,
    always(Freshness.REFERENCE),
    fetch=_partner,
    path="/partners/{signature}",
)
PRICE: Final = CachedKind[PriceQuote](
    "price", PriceQuote, UpstreamName.LOGISTICS, always(Freshness.QUOTE), path="/price", method="POST"
)

DELIVERY_PAGE: Final = CachedKind[DeliveryPage](
    "page of deliveries",
    DeliveryPage,
    UpstreamName.DELIVERIES,
    always(Freshness.LIST),
    lists=(DELIVERIES_LIST,),
    holds=_deliveries_of,
    shared=False,
    path="/send-tasks",
)
JOB_IDS: Final = CachedKind[list[str | None]](
    "page of sms jobs",
    list[str | None],
    UpstreamName.SMS,
    always(Freshness.LIST),
    lists=(JOBS_LIST,),
    shared=False,
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
TASK_PAGE: Final = CachedKind[ListPage[LogisticsTask]](
    "page of logistics tasks",
    ListPage[LogisticsTask],
    UpstreamName.LOGISTICS,
    always(Freshness.LIST),
    lists=(TASKS_LIST,),
    holds=_tasks_of,
    shared=False,
    path="/platform/tasks",
)
ORGANIZATION_PAGE: Final = CachedKind[ListPage[Organization]](
    "page of organizations",
    ListPage[Organization],
    UpstreamName.LOGISTICS,
    always(Freshness.LIST),
    lists=(ORGANIZATIONS_LIST,),
    holds=_organizations_of,
    shared=False,
    path="/platform/organizations",
)

KINDS_OF_IDS: Final[dict[str, CachedKind[Any]]] = {
    "Delivery": DELIVERY,
    "Product": PRODUCT,
    "DspUploadIdentification": IDENTIFICATION,
    "SmsJob": JOB,
    "Recipient": RECIPIENTS,
    "LogisticsTask": TASK,
    "Organization": ORGANIZATION,
}
"""The kind behind a global id; a recipient's own id begins with its job's, under which its record is kept."""
