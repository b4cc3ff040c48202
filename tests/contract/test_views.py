import pytest
from graphql import GraphQLObjectType
from strawberry.types import get_object_definition

from resolvers import connections, upstream_states
from resolvers.events import board_subscription, interface
from resolvers.sms import jobs as sms_jobs
from resolvers.sms.subjects import JobsAbout
from resolvers.upstreams.deliveries import records as delivery_records
from resolvers.upstreams.logistics import account_records, prices, task_records
from resolvers.upstreams.sms import records as sms_records
from schema import changes, deliveries, logistics, nodes, organizations, subscription, upstreams
from schema import sms as sms_views
from tests.contract.operations import SCHEMA

VIEWS: list[tuple[type, type]] = [
    (deliveries.Delivery, delivery_records.Delivery),
    (deliveries.Party, delivery_records.Party),
    (deliveries.Product, delivery_records.Product),
    (deliveries.DspUploadIdentification, delivery_records.DspUploadIdentification),
    (deliveries.DeliveryConnection, connections.Connection),
    (deliveries.DeliveryEdge, connections.Edge),
    (sms_views.SmsJob, sms_records.SmsJob),
    (sms_views.RecipientSummary, sms_jobs.RecipientSummary),
    (sms_views.Recipient, sms_records.Recipient),
    (sms_views.SmsJobEdge, connections.Edge),
    (sms_views.RecipientEdge, connections.Edge),
    (sms_views.SmsJobConnection, connections.Connection),
    (sms_views.RecipientConnection, connections.Connection),
    (sms_views.SmsJobSearch, JobsAbout),
    (sms_views.SmsApiVersion, sms_records.SmsApiVersion),
    (logistics.LogisticsTask, task_records.LogisticsTask),
    (logistics.TaskStop, task_records.TaskStop),
    (logistics.Address, task_records.Address),
    (logistics.TimeWindow, task_records.TimeWindow),
    (logistics.Contact, task_records.Contact),
    (logistics.Driver, task_records.Driver),
    (logistics.TaskItem, task_records.TaskItem),
    (logistics.TaskStatusEntry, task_records.TaskStatusEntry),
    (logistics.LogisticsTaskEdge, connections.Edge),
    (logistics.LogisticsTaskConnection, connections.Connection),
    (logistics.Money, prices.Money),
    (logistics.PriceQuote, prices.PriceQuote),
    (organizations.Organization, account_records.Organization),
    (organizations.OrganizationEdge, connections.Edge),
    (organizations.OrganizationConnection, connections.Connection),
    (organizations.Role, account_records.Role),
    (organizations.Partner, account_records.Partner),
    (upstreams.Upstream, upstream_states.Upstream),
    (nodes.PageInfo, connections.PageInfo),
    (subscription.StatusEvent, interface.StatusEvent),
    (subscription.StatusProblem, interface.StatusProblem),
    (changes.ListEvent, board_subscription.BoardEvent),
    (changes.ListProblem, interface.StatusProblem),
]

MADE_HERE = ("Query", "Mutation", "Subscription", "__", "InvalidInput", "NotFound", "Conflict", "NotAllowedNow")
MADE_FOR_MUTATIONS = ("Payload", "RateLimited", "UpstreamFailed", "IdempotencyUnavailable")


def test_every_type_that_is_a_view_is_listed_here() -> None:
    served = {
        name
        for name, named in SCHEMA._schema.type_map.items()
        if isinstance(named, GraphQLObjectType)
        and not name.startswith(MADE_HERE)
        and not name.endswith(MADE_FOR_MUTATIONS)
    }

    assert served == {view.__name__ for view, _ in VIEWS}


@pytest.mark.parametrize(("view", "record"), VIEWS)
def test_every_plain_field_of_a_type_is_an_attribute_of_its_record(view: type, record: type) -> None:
    definition = get_object_definition(view, strict=True)

    missing = [
        field.python_name
        for field in definition.fields
        if field.base_resolver is None and not hasattr(record, field.python_name)
    ]

    assert missing == []
