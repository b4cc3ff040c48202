"""The partner behind an account, the organizations and roles that it manages, and how their answers are opened.

Bodies are read twice, for the fields that we know and for the whole object, since both are in the record.
"""

from datetime import datetime
from typing import Any, Final, cast

import msgspec

from resolvers.ids import global_id
from resolvers.upstreams.answers import decode
from resolvers.upstreams.call import Answer, Call
from resolvers.upstreams.lenient import UnreadableRecord, instant
from resolvers.upstreams.logistics.list_page import ListPage, page_size
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.partial_answers import whole_or_none
from resolvers.upstreams.record import promised_at
from resolvers.upstreams.texts import NonEmpty


class Partner(
    msgspec.Struct,
    frozen=True,
    rename={
        "partner_id": "id",
        "wire_name": "name",
        "wire_client_key": "client_key",
        "wire_created_at": "created_at",
        "wire_updated_at": "updated_at",
    },
):
    """The partner account (document: Partner Detail). Its secret key is not even decoded."""

    partner_id: NonEmpty
    wire_name: str | None = None
    wire_client_key: str | None = None
    webhook_url: str | None = None
    wire_created_at: Any = None
    wire_updated_at: Any = None

    name = promised_at("wire_name", UpstreamName.LOGISTICS)
    client_key = promised_at("wire_client_key", UpstreamName.LOGISTICS)

    @property
    def created_at(self) -> datetime | None:
        """When it was made."""
        return instant(self.wire_created_at)

    @property
    def updated_at(self) -> datetime | None:
        """When it last changed."""
        return instant(self.wire_updated_at)


class Organization(msgspec.Struct, frozen=True):
    """An organization that the platform partner manages (documents: Associated Organization List and Detail).

    Args:
        organization_id: The upstream's own id.
        wire_business_name: Its name.
        attributes: The upstream's whole object.
    """

    organization_id: str
    wire_business_name: str | None
    attributes: dict[str, Any]

    business_name = promised_at("wire_business_name", UpstreamName.LOGISTICS)

    @property
    def id(self) -> str:
        """The global id."""
        return global_id("Organization", self.organization_id)

    @property
    def created_at(self) -> datetime | None:
        """When it was made."""
        return instant(self.attributes.get("created_at"))

    @property
    def updated_at(self) -> datetime | None:
        """When it last changed."""
        return instant(self.attributes.get("updated_at"))


class OrganizationReference(msgspec.Struct, frozen=True, rename={"organization_id": "id"}):
    """An organization of which the upstream has told the id alone; lives until it is read."""

    organization_id: NonEmpty


class Role(msgspec.Struct, frozen=True):
    """What a user of an organization may be (document: List Roles; its fields are assumed).

    Args:
        role_id: The upstream's own id.
        name: Its name.
        attributes: The upstream's whole object.
    """

    role_id: str
    name: str | None
    attributes: dict[str, Any]


class _OrganizationFields(msgspec.Struct, frozen=True):
    id: NonEmpty
    business_name: str | None = None


class _RoleFields(msgspec.Struct, frozen=True):
    id: NonEmpty
    name: str | None = None


class _OneOrganization(msgspec.Struct, frozen=True):
    organization: _OrganizationFields


class _OneReference(msgspec.Struct, frozen=True):
    organization: OrganizationReference


class _OneObject(msgspec.Struct, frozen=True):
    organization: dict[str, Any]


class _Organizations(msgspec.Struct, frozen=True):
    organizations: list[_OrganizationFields] | None
    meta: Any = None


class _OrganizationObjects(msgspec.Struct, frozen=True):
    organizations: list[Any] | None


class _Roles(msgspec.Struct, frozen=True):
    roles: list[_RoleFields] | None


class _RoleObjects(msgspec.Struct, frozen=True):
    roles: list[Any] | None


_ONE_ORGANIZATION: Final = msgspec.json.Decoder(_OneOrganization)
_ONE_REFERENCE: Final = msgspec.json.Decoder(_OneReference)
_ONE_OBJECT: Final = msgspec.json.Decoder(_OneObject)
_ORGANIZATIONS: Final = msgspec.json.Decoder(_Organizations)
_ORGANIZATION_OBJECTS: Final = msgspec.json.Decoder(_OrganizationObjects)
_ROLES: Final = msgspec.json.Decoder(_Roles)
_ROLE_OBJECTS: Final = msgspec.json.Decoder(_RoleObjects)


def one_organization(call: Call, answer: Answer) -> Organization:
    """The organization that an answer holds."""
    return _with_attributes(decode(_ONE_ORGANIZATION, call, answer), call, answer)


def created_organization(call: Call, answer: Answer) -> Organization | OrganizationReference:
    """The organization that an answer to its creation holds, or its id where there is no more of it."""
    known = whole_or_none(_ONE_ORGANIZATION, call, answer)
    if known is None or known.organization.business_name is None:
        return decode(_ONE_REFERENCE, call, answer).organization
    return _with_attributes(known, call, answer)


def page_of_organizations(call: Call, answer: Answer) -> ListPage[Organization]:
    """The page of the list of organizations that an answer is."""
    page = decode(_ORGANIZATIONS, call, answer)
    objects = decode(_ORGANIZATION_OBJECTS, call, answer).organizations or ()
    known = page.organizations or ()
    records = [_organization(own, one) for own, one in zip(known, objects, strict=True)]
    return ListPage(records, page_size(page.meta))


def many_roles(call: Call, answer: Answer) -> list[Role]:
    """The roles in an answer, in its order."""
    known = decode(_ROLES, call, answer).roles or ()
    objects = decode(_ROLE_OBJECTS, call, answer).roles or ()
    roles = zip(known, objects, strict=True)
    # No list of roles may hold a null: one that cannot be read is left out.
    return [Role(own.id, own.name, one) for own, one in roles if not isinstance(own, UnreadableRecord)]


def _organization(known: _OrganizationFields, attributes: dict[str, Any]) -> Organization:
    """An organization; what could not be read stays what it is, for it stands in a list."""
    if isinstance(known, UnreadableRecord):
        return cast("Organization", known)
    return Organization(known.id, known.business_name, attributes)


def _with_attributes(known: _OneOrganization, call: Call, answer: Answer) -> Organization:
    own = known.organization
    return Organization(own.id, own.business_name, decode(_ONE_OBJECT, call, answer).organization)
