"""The partner behind an account, and the organizations and roles that it manages."""

from datetime import datetime
from typing import Any

import msgspec

from resolvers.ids import global_id
from resolvers.upstreams.fields import NonEmpty, instant, promised_at
from resolvers.upstreams.names import UpstreamName


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
    """The partner account (document: Partner Detail). Lifetime: cache entry."""

    # Without the document's secret key, because what is not decoded cannot be cached, logged or shown.

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

    Lifetime: cache entry.

    Args:
        organization_id: The upstream's own id.
        wire_business_name: Its name.
        attributes: The upstream's whole object.
    """

    # Not a struct of the wire: the document shows no field of this object, so the whole of it is passed on too.
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
    """An organization of which only the id is known, until it is read."""

    organization_id: NonEmpty


class Role(msgspec.Struct, frozen=True):
    """A role that a user of an organization can have (document: List Roles; its fields are assumed).

    Args:
        role_id: The upstream's own id.
        name: Its name.
        attributes: The upstream's whole object.
    """

    role_id: str
    name: str | None
    attributes: dict[str, Any]
