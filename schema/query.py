"""The fields of `Query`: each checks its arguments and calls one resolver."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import UNSET

from resolvers import deliveries, logistics, nodes, upstream_states
from resolvers.catalogue import local_id
from resolvers.connections import MAX_FIRST
from resolvers.kinds.deliveries import DELIVERY_ID
from resolvers.kinds.logistics import ORGANIZATION_ID, TASK_ID
from resolvers.kinds.sms import JOB_ID
from resolvers.selection import OperationInfo
from resolvers.sms import jobs as sms_jobs
from resolvers.sms import listing as sms_listing
from resolvers.sms.jobs import MAX_RECIPIENTS
from resolvers.sms.listing import JobWindow
from resolvers.task_filters import EVERY_TASK
from resolvers.upstreams import operations
from resolvers.upstreams.deliveries.requests import DeliveryFilters
from schema.deliveries import Delivery, DeliveryConnection
from schema.enums import SortOrder, is_newest_first
from schema.inputs.deliveries import DeliveryFilter
from schema.inputs.logistics import LogisticsTaskFilter, PriceQuoteInput
from schema.logistics import LogisticsTask, LogisticsTaskConnection, PriceQuote
from schema.nodes import (
    After,
    Before,
    First,
    FirstRecipients,
    Id,
    Last,
    LastRecipients,
    Node,
    OrderBy,
    given,
    page_of,
)
from schema.nullability import NULL_ONLY_ON_ERROR
from schema.organizations import Organization, OrganizationConnection, Partner
from schema.prices import (
    FREE,
    UNBOUNDED,
    Call,
    DeliveriesPage,
    JobsPage,
    ListByArgument,
    NumberedPage,
    PageByFirst,
    RecipientsByJobId,
    RecordByGlobalId,
    RecordById,
    RecordsByGlobalIds,
    priced,
)
from schema.sms import RecipientConnection, SmsApiVersion, SmsJob, SmsJobConnection

if TYPE_CHECKING:
    from schema.upstreams import Upstream

# Resolved when the schema is built, because the enum of the upstreams' names needs all of them to be known.
Upstreams = list[Annotated["Upstream", strawberry.lazy("schema.upstreams")]]


# These return `object`: resolvers return records, and the GraphQL type is named where the field is declared.
def _node(
    info: OperationInfo,
    global_id: Annotated[strawberry.ID, strawberry.argument(name="id", description="A global id.")],
) -> object:
    return nodes.node(info.context, global_id)


def _nodes(
    info: OperationInfo,
    ids: Annotated[list[strawberry.ID], strawberry.argument(description="Global ids, of any kinds.")],
) -> object:
    return nodes.nodes(info.context, ids)


def _delivery(info: OperationInfo, delivery_id: Id) -> object:
    return deliveries.delivery(info.context, local_id(DELIVERY_ID, delivery_id, ("id",)))


def _deliveries(
    info: OperationInfo,
    wanted: Annotated[
        DeliveryFilter | None, strawberry.argument(name="filter", description="Which to list; all by default.")
    ] = UNSET,
    order_by: OrderBy = UNSET,
    first: First = 20,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> object:
    # Without it, or with null, all: UNSET is false too.
    filters = wanted.to_request(("filter",)) if wanted else DeliveryFilters()
    page = page_of(first, after, last, before)
    return deliveries.deliveries(info, filters, page, newest_first=is_newest_first(order_by))


def _sms_job(info: OperationInfo, job_id: Id) -> object:
    return sms_jobs.job(info, local_id(JOB_ID, job_id, ("id",)))


def _sms_jobs(
    info: OperationInfo,
    # `from` is no name in Python, so it stands in `strawberry.argument`, as other names of arguments do.
    from_time: Annotated[
        datetime | None, strawberry.argument(name="from", description="Posted then or later.")
    ] = UNSET,
    to_time: Annotated[
        datetime | None, strawberry.argument(name="to", description="Posted then or before; now by default.")
    ] = UNSET,
    still_open: Annotated[
        bool | None,
        strawberry.argument(name="open", description="true for jobs still open, false for finished ones."),
    ] = UNSET,
    order_by: OrderBy = UNSET,
    first: First = 20,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> object:
    window = JobWindow(given(from_time), given(to_time), given(still_open))
    page = page_of(first, after, last, before)
    return sms_listing.jobs(info, window, page, newest_first=is_newest_first(order_by))


def _recipients(
    info: OperationInfo,
    job_id: Annotated[strawberry.ID, strawberry.argument(description="The job: a global id, or the upstream's own.")],
    first: FirstRecipients = 50,
    after: After = UNSET,
    last: LastRecipients = UNSET,
    before: Before = UNSET,
) -> object:
    own_id = local_id(JOB_ID, job_id, ("jobId",))
    page = page_of(first, after, last, before, default=50, maximum=MAX_RECIPIENTS)
    return sms_jobs.recipients_of(info.context, own_id, page)


def _sms_api_version(info: OperationInfo) -> object:
    return sms_jobs.version(info.context)


def _logistics_task(info: OperationInfo, task_id: Id) -> object:
    return logistics.task(info.context, local_id(TASK_ID, task_id, ("id",)))


def _logistics_tasks(
    info: OperationInfo,
    wanted: Annotated[
        LogisticsTaskFilter | None,
        strawberry.argument(
            name="filter",
            description=(
                "Which to list; all by default. The upstream filters nothing, so the gateway looks through up to 1000 "
                "tasks for a page: it may be shorter, and `hasNextPage` is true where there is more to look through."
            ),
        ),
    ] = UNSET,
    # Ascending by default, as the API itself (document: Task List).
    order: Annotated[
        SortOrder | None, strawberry.argument(description="Which end of the list comes first; `orderBy` overrides it.")
    ] = SortOrder.ASC,
    order_by: OrderBy = UNSET,
    first: First = 20,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> object:
    # Null is the default too.
    newest_first = is_newest_first(order_by)
    descending = order is SortOrder.DESC if newest_first is None else newest_first
    filters = wanted.to_request(("filter",)) if wanted else EVERY_TASK
    return logistics.tasks(info, filters, page_of(first, after, last, before), descending=descending)


def _price_quote(
    info: OperationInfo,
    way: Annotated[PriceQuoteInput, strawberry.argument(name="input", description="The way to price.")],
) -> object:
    return logistics.quote(info.context, way.to_request(("input",)))


def _partner(info: OperationInfo) -> object:
    return logistics.partner(info.context)


def _organization(info: OperationInfo, organization_id: Id) -> object:
    return logistics.organization(info.context, local_id(ORGANIZATION_ID, organization_id, ("id",)))


def _organizations(
    info: OperationInfo,
    first: First = 20,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> object:
    return logistics.organizations(info, page_of(first, after, last, before))


def _upstreams(info: OperationInfo) -> object:
    return upstream_states.upstreams(info.context)


@strawberry.type(description="What can be asked of the three upstreams, and of the gateway itself.")
class Query:
    """The root type of queries; its resolvers return records."""

    # A field that makes calls is nullable, itself or in its items, so that the failure of one upstream leaves the rest.

    node = strawberry.field(
        resolver=_node,
        graphql_type=Node | None,
        description="Anything by its global id; null where there is none.",
        metadata=priced(RecordByGlobalId("id")),
    )
    nodes = strawberry.field(
        resolver=_nodes,
        graphql_type=list[Node | None],
        description="In the order asked for; null where there is none.",
        metadata=priced(RecordsByGlobalIds("ids"), ListByArgument("ids")),
    )
    delivery = strawberry.field(
        resolver=_delivery,
        graphql_type=Delivery | None,
        description="One delivery; null where there is none.",
        metadata=priced(RecordById("Delivery")),
    )
    deliveries = strawberry.field(
        resolver=_deliveries,
        graphql_type=DeliveryConnection | None,
        description="Deliveries, in the upstream's order.",
        metadata=priced(DeliveriesPage(operations.DELIVERIES, ids=("filter", "ids")), PageByFirst(20, MAX_FIRST)),
        directives=[NULL_ONLY_ON_ERROR],
    )
    sms_job = strawberry.field(
        resolver=_sms_job,
        graphql_type=SmsJob | None,
        description="One SMS job; null where there is none.",
        metadata=priced(RecordById("SmsJob")),
    )
    sms_jobs = strawberry.field(
        resolver=_sms_jobs,
        graphql_type=SmsJobConnection | None,
        description=(
            "The last 30 days unless told; a longer window (upstream keeps 3 months) is split into the 30 days the "
            "upstream allows. Order as upstream: the primary data centre first, the secondary once the primary is "
            "exhausted. With `orderBy` jobs of both are in one order, that of the times in their ids; `last` needs it."
        ),
        metadata=priced(JobsPage(operations.JOB_IDS), PageByFirst(20, MAX_FIRST)),
        directives=[NULL_ONLY_ON_ERROR],
    )
    recipients = strawberry.field(
        resolver=_recipients,
        graphql_type=RecipientConnection | None,
        description="A job's recipients; null where there is no such job.",
        metadata=priced(RecipientsByJobId("jobId"), PageByFirst(50, MAX_RECIPIENTS)),
    )
    sms_api_version = strawberry.field(
        resolver=_sms_api_version,
        graphql_type=SmsApiVersion | None,
        description="Which version of the SMS API answers.",
        metadata=priced(Call(operations.SMS_VERSION)),
        directives=[NULL_ONLY_ON_ERROR],
    )
    logistics_task = strawberry.field(
        resolver=_logistics_task,
        graphql_type=LogisticsTask | None,
        description="One logistics task; null where there is none.",
        metadata=priced(RecordById("LogisticsTask")),
    )
    logistics_tasks = strawberry.field(
        resolver=_logistics_tasks,
        graphql_type=LogisticsTaskConnection | None,
        description="Logistics tasks.",
        metadata=priced(
            NumberedPage(operations.TASKS, "LogisticsTask", filtered_by="filter"), PageByFirst(20, MAX_FIRST)
        ),
        directives=[NULL_ONLY_ON_ERROR],
    )
    price_quote = strawberry.field(
        resolver=_price_quote,
        graphql_type=PriceQuote | None,
        description="What a delivery over some stops would cost.",
        metadata=priced(Call(operations.PRICE)),
        directives=[NULL_ONLY_ON_ERROR],
    )
    partner = strawberry.field(
        resolver=_partner,
        graphql_type=Partner | None,
        description="The partner account behind the gateway.",
        metadata=priced(Call(operations.PARTNER)),
        directives=[NULL_ONLY_ON_ERROR],
    )
    organization = strawberry.field(
        resolver=_organization,
        graphql_type=Organization | None,
        description="One organization; null where there is none.",
        metadata=priced(RecordById("Organization")),
    )
    organizations = strawberry.field(
        resolver=_organizations,
        graphql_type=OrganizationConnection | None,
        description="The partner's organizations.",
        metadata=priced(NumberedPage(operations.ORGANIZATIONS, "Organization"), PageByFirst(20, MAX_FIRST)),
        directives=[NULL_ONLY_ON_ERROR],
    )
    upstreams = strawberry.field(
        resolver=_upstreams,
        graphql_type=Upstreams,
        description="How each upstream does, from what the gateway has seen; asks none of them.",
        # As a list without a bound: how many upstreams there are is known only once those from outside are imported.
        metadata=priced(FREE, UNBOUNDED),
    )
