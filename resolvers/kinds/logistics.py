"""The types of record of the logistics API."""

from collections.abc import Iterable
from typing import Any, Final

from resolvers.accounts import Account
from resolvers.cache.kind import CachedKind, Freshness, always, by_state
from resolvers.catalogue import RecordType
from resolvers.ids import word_form
from resolvers.unreadable import readable
from resolvers.upstreams import operations
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.logistics.account_records import Organization, Partner, Role
from resolvers.upstreams.logistics.answers import ListPage
from resolvers.upstreams.logistics.prices import PriceQuote
from resolvers.upstreams.logistics.task_records import LogisticsTask
from resolvers.upstreams.names import UpstreamName

# The documents show examples only, and no other form has been seen.
TASK_ID: Final = word_form("LogisticsTask", "a UUID", "8f14e45f-ceea-467f-9575-6a1c1d1f8c1a")
ORGANIZATION_ID: Final = word_form("Organization", "a UUID", "6512bd43-d9ca-46e0-ac99-0b0a82652dca")
# Only checked: a role has no global id, because no document has a call that reads one.
ROLE_ID: Final = word_form("Role", "a UUID", "c51ce410-c124-410e-8db5-e4b97fc2af39")

TASKS_LIST: Final = "logistics tasks"
ORGANIZATIONS_LIST: Final = "organizations"


async def _task(account: Account, scope: CallScope, task_id: str) -> LogisticsTask | None:
    return await account.logistics.task(scope, task_id)


async def _organization(account: Account, scope: CallScope, organization_id: str) -> Organization | None:
    return await account.logistics.organization(scope, organization_id)


async def _roles(account: Account, scope: CallScope, organization_id: str) -> list[Role]:
    return await account.logistics.roles(scope, organization_id)


async def _partner(account: Account, scope: CallScope, _: str) -> Partner:
    # No id, because it is the partner that the credentials belong to.
    return await account.logistics.partner(scope)


def _tasks_of(page: ListPage[LogisticsTask]) -> Iterable[tuple[CachedKind[Any], str, Any]]:
    return [(TASK, task.task_id, task) for task in readable(page.records)]


def _organizations_of(page: ListPage[Organization]) -> Iterable[tuple[CachedKind[Any], str, Any]]:
    return [(ORGANIZATION, one.organization_id, one) for one in readable(page.records)]


TASK: Final = CachedKind[LogisticsTask](
    "logistics task",
    LogisticsTask,
    UpstreamName.LOGISTICS,
    by_state,
    fetch=_task,
    lists=(TASKS_LIST,),
    operation=operations.TASK,
    path="/platform/tasks/{id}",
)


ROLES: Final = CachedKind[list[Role]](
    "roles of organization",
    list[Role],
    UpstreamName.LOGISTICS,
    always(Freshness.REFERENCE),
    fetch=_roles,
    operation=operations.ROLES,
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
    operation=operations.ORGANIZATION,
    path="/platform/organizations/{id}",
)


PARTNER: Final = CachedKind[Partner](
    "partner",
    Partner,
    UpstreamName.LOGISTICS,
    always(Freshness.REFERENCE),
    fetch=_partner,
    operation=operations.PARTNER,
    # The template, because the signature holds both keys of the account.
    path="/partners/{signature}",
)


PRICE: Final = CachedKind[PriceQuote](
    "price",
    PriceQuote,
    UpstreamName.LOGISTICS,
    # Without `fetch`, because a quote has no id: its key is the request.
    always(Freshness.QUOTE),
    operation=operations.PRICE,
    path="/price",
    method="POST",
)


TASK_PAGE: Final = CachedKind[ListPage[LogisticsTask]](
    "page of logistics tasks",
    ListPage[LogisticsTask],
    UpstreamName.LOGISTICS,
    always(Freshness.LIST),
    lists=(TASKS_LIST,),
    holds=_tasks_of,
    shared=False,
    operation=operations.TASKS,
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
    operation=operations.ORGANIZATIONS,
    path="/platform/organizations",
)

TASK_TYPE: Final = RecordType(TASK_ID, TASK, tracked=LogisticsTask, subject=True)
ORGANIZATION_TYPE: Final = RecordType(ORGANIZATION_ID, ORGANIZATION)
