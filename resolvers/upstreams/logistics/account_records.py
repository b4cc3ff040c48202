"""The partner behind an account, and the organizations and roles that it manages."""

from datetime import datetime
from typing import Any

import msgspec

from resolvers.ids import global_id


class Partner(msgspec.Struct, frozen=True, rename={"partner_id": "id"}):
    """The partner account (document: Partner Detail). Its secret key is not even decoded."""

    partner_id: str
    name: str
    client_key: str
    webhook_url: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class Organization(msgspec.Struct, frozen=True):
    """An organization that the platform partner manages (documents: Associated Organization List and Detail).

    Args:
        organization_id: The upstream's own id.
        business_name: Its name.
        created_at: When it was made.
        updated_at: When it last changed.
        attributes: The upstream's whole object.
    """

    organization_id: str
    business_name: str
    created_at: datetime | None
    updated_at: datetime | None
    attributes: dict[str, Any]

    @property
    def id(self) -> str:
        """The global id."""
        return global_id("Organization", self.organization_id)


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
