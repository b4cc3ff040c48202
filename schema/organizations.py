"""Organizations, their roles and the partner account, as views of the records of the logistics API."""

from datetime import datetime

import strawberry
from strawberry.scalars import JSON

from resolvers import logistics
from resolvers.upstreams import operations
from resolvers.upstreams.logistics import account_records
from schema.nodes import Node, PageInfo, is_record
from schema.nullability import ITEMS_NULL_ONLY_ON_ERROR, NULL_ONLY_ON_ERROR
from schema.prices import UNBOUNDED, WHOLE_PAGE, CallForEach, priced


@strawberry.type(description="What a user of an organization may be.")
class Role:
    """A view of a role."""

    # No `Node`: no document has a call that reads one role.

    role_id: str = strawberry.field(description="The upstream's own id.")
    name: str | None = strawberry.field(description="The role's name.")
    attributes: JSON = strawberry.field(description="All that the upstream says about the role.")


@strawberry.type(description="A business that tasks are carried out for.")
class Organization(Node):
    """A view of an organization."""

    is_type_of = is_record(account_records.Organization)

    organization_id: str = strawberry.field(description="The upstream's own id.")
    business_name: str = strawberry.field(description="The name that the business is registered under.")
    created_at: datetime | None = strawberry.field(description="When the organization was created.")
    updated_at: datetime | None = strawberry.field(description="When the organization last changed.")
    attributes: JSON = strawberry.field(description="All that the upstream says about the organization.")
    # Nullable, so that its call can fail without taking the organization with it.
    roles = strawberry.field(
        resolver=logistics.roles,
        graphql_type=list[Role] | None,
        description="The roles that its users can have.",
        metadata=priced(CallForEach(operations.ROLES, "Role"), UNBOUNDED),
    )


@strawberry.type(description="An organization and its place in the list.")
class OrganizationEdge:
    """A view of one edge of a connection."""

    cursor: str = strawberry.field(description="Pass as `after` to go on behind this organization.")
    node: Organization | None = strawberry.field(
        description="The organization; null where it could not be read.", directives=[NULL_ONLY_ON_ERROR]
    )


@strawberry.type(description="One page of organizations.")
class OrganizationConnection:
    """A view of a connection of organizations."""

    edges: list[OrganizationEdge] = strawberry.field(
        description="The organizations of this page with their cursors.", metadata=priced(size=WHOLE_PAGE)
    )
    nodes: list[Organization | None] = strawberry.field(
        description="The organizations of this page.",
        metadata=priced(size=WHOLE_PAGE),
        directives=[ITEMS_NULL_ONLY_ON_ERROR],
    )
    page_info: PageInfo = strawberry.field(description="Where in the list this page stands.")


@strawberry.type(description="The partner account behind the gateway. Its secret key is never exposed.")
class Partner:
    """A view of the partner account."""

    # No `Node`: an account has one partner, which it reads by its keys and not by an id.

    partner_id: str = strawberry.field(description="The upstream's own id.")
    name: str = strawberry.field(description="The partner's name.")
    # The secret key has no field because the record has none either.
    client_key: str = strawberry.field(description="The public half of the account's credentials.")
    webhook_url: str | None = strawberry.field(description="Where the upstream sends its webhooks.")
    created_at: datetime | None = strawberry.field(description="When the account was created.")
    updated_at: datetime | None = strawberry.field(description="When the account last changed.")
