"""The operations on the partner, its organizations and their users (documents: Authentication; Platform Partners)."""

from base64 import b64encode
from typing import Final
from urllib.parse import urlsplit

import msgspec

from resolvers.upstreams.answers import decode
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.logistics.account_records import (
    Organization,
    OrganizationReference,
    Partner,
    Role,
    created_organization,
    many_roles,
    one_organization,
    page_of_organizations,
)
from resolvers.upstreams.logistics.connection import LogisticsConnection
from resolvers.upstreams.logistics.list_page import ListPage
from resolvers.upstreams.logistics.message_answers import message
from resolvers.upstreams.logistics.paths import fill
from resolvers.upstreams.logistics.requests import Invitation

_PARTNER: Final = msgspec.json.Decoder(Partner)


class AccountsClient(LogisticsConnection):
    """Reads and changes what belongs to the partner; account lifetime."""

    async def partner(self, scope: CallScope) -> Partner:
        """The partner behind the account.

        Raises:
            UpstreamUnconfigured: the account's keys are not set.
        """
        self._require_keys(self._config.client_key, self._config.secret_key)
        template = self._paths.partner_detail
        call = self._reading(scope, "partner_detail", fill(template, "{signature}", self._signature()))
        call.shown_path = urlsplit(self._base_url).path + template
        return decode(_PARTNER, call, await self._done(call))

    async def organizations(self, scope: CallScope, *, page: int, per_page: int) -> ListPage[Organization]:
        """One page of the organizations; one that is not full is the last.

        Args:
            scope: The operation's.
            page: From 1.
            per_page: From 1; the upstream may take it for another: see `ListPage.per_page`.
        """
        self._require_platform("list_organizations")
        path = self._paths.list_organizations
        call = self._reading(scope, "list_organizations", path, page=page, per_page=per_page)
        return page_of_organizations(call, await self._done(call))

    async def organization(self, scope: CallScope, organization_id: str) -> Organization | None:
        """One organization, or None where the partner manages none with this id."""
        self._require_platform("organization_detail")
        path = fill(self._paths.organization_detail, "{org_id}", organization_id)
        call = self._reading(scope, "organization_detail", path)
        answer = await self._found(call)
        return None if answer is None else one_organization(call, answer)

    async def roles(self, scope: CallScope, organization_id: str) -> list[Role]:
        """What the users of an organization may be.

        Raises:
            RecordMissing: the partner manages no such organization.
        """
        self._require_platform("list_roles")
        call = self._reading(scope, "list_roles", fill(self._paths.list_roles, "{org_id}", organization_id))
        return many_roles(call, await self._done(call))

    async def create_organization(self, scope: CallScope, business_name: str) -> Organization | OrganizationReference:
        """Create an organization for the partner to manage.

        Returns:
            The organization, or its id alone where the upstream answers with no more.
        """
        self._require_platform("create_organization")
        path = self._paths.create_organization
        call = self._writing(scope, "create_organization", path, {"business_name": business_name})
        return created_organization(call, await self._done(call))

    async def invite_user(self, scope: CallScope, invitation: Invitation) -> str | None:
        """Invite a user to an organization.

        Returns:
            The upstream's message, where it has one.
        """
        self._require_platform("invite_user")
        call = self._writing(scope, "invite_user", self._paths.invite_user, {"user": invitation})
        return message(call, await self._done(call))

    def _signature(self) -> str:
        """Base64 of both keys; that it is hexadecimal too, as the document adds, contradicts itself."""
        return b64encode(f"{self._config.client_key}:{self._config.secret_key}".encode()).decode()
