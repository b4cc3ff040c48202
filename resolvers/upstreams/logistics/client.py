"""The client of the logistics API: one method for each documented operation but those for tokens."""

from base64 import b64encode
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

import msgspec

from resolvers.upstreams.answers import decode
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.logistics.account_records import Organization, OrganizationReference, Partner, Role
from resolvers.upstreams.logistics.answers import (
    ListPage,
    changed_task,
    confirmation,
    created_organization,
    created_tasks,
    many_roles,
    message,
    one_organization,
    one_task,
    page_of_organizations,
    page_of_tasks,
    updated_tasks,
)
from resolvers.upstreams.logistics.base_client import LogisticsBaseClient, fill
from resolvers.upstreams.logistics.prices import PriceQuote
from resolvers.upstreams.logistics.requests import Invitation, NewTask, PriceRequest, TaskChange, TrackingId
from resolvers.upstreams.logistics.task_records import LogisticsTask, TaskReference, UpdatedTask

_PARTNER: Final = msgspec.json.Decoder(Partner)
_PRICE_QUOTE: Final = msgspec.json.Decoder(PriceQuote, strict=False)


class LogisticsClient(LogisticsBaseClient):
    """Makes the operations on tasks, prices, the partner and its organizations. Lifetime: account.

    A platform partner's account reads and creates tasks through the platform operations, any other through the
    partner's own. Every method takes the scope of the operation that it is called for, and raises an `UpstreamError` if
    the API did not do what was asked. The client does not retry, wait or add credentials: its transport does.
    """

    async def task(self, scope: CallScope, task_id: str) -> LogisticsTask | None:
        """Return a task; None if there is none with this id."""
        operation, path = "task_detail", self._paths.task_detail
        if self._config.platform:
            operation, path = "platform_task_detail", self._paths.platform_task_detail
        call = self._read_call(scope, operation, fill(path, "{task_id}", task_id))
        answer = await self._send_or_none(call)
        return None if answer is None else one_task(call, answer)

    async def tasks(self, scope: CallScope, *, page: int, per_page: int, descending: bool) -> ListPage[LogisticsTask]:
        """Return one page of the tasks; one that is not full is the last.

        Args:
            scope: The operation's.
            page: From 1.
            per_page: From 1; the vendor's default is 200, and it may use another, see `ListPage.per_page`.
            descending: The direction of the order; no document names the field that it is by.
        """
        self._require_platform("platform_list_tasks")
        # Always sent: the documented default, asc, is the opposite of that of the vendor's other lists.
        order = "desc" if descending else "asc"
        path = self._paths.platform_list_tasks
        call = self._read_call(scope, "platform_list_tasks", path, page=page, per_page=per_page, order=order)
        return page_of_tasks(call, await self._send(call))

    async def create_tasks(
        self, scope: CallScope, tasks: Sequence[NewTask], *, draft: bool
    ) -> Sequence[LogisticsTask | TaskReference]:
        """Create up to 20 tasks in one call, broadcast at once or kept as drafts.

        Returns:
            The tasks, or references to those of which the upstream answers only the id.
        """
        operation, path = self._creation(draft=draft)
        call = self._write_call(scope, operation, path, {"tasks": tasks})
        return created_tasks(call, await self._send(call))

    async def update_task(self, scope: CallScope, task_id: str, change: TaskChange) -> LogisticsTask | None:
        """Change a task.

        Returns:
            The task, or None if the upstream made the change and does not answer with the whole task.

        Raises:
            Conflicting: `change.version_rev` is no longer the task's revision.
            NotAllowedNow: the task's status forbids it.
            RecordMissing: there is no such task.
        """
        self._require_platform("platform_update_task")
        path = fill(self._paths.platform_update_task, "{task_id}", task_id)
        call = self._write_call(scope, "platform_update_task", path, change, "PATCH")
        return changed_task(call, await self._send(call))

    async def cancel_task(self, scope: CallScope, task_id: str, reason: str) -> str | None:
        """Cancel a task that no driver has accepted yet.

        Returns:
            The upstream's message; None if it does not confirm the cancellation in the documented form.

        Raises:
            NotAllowedNow: the task's status forbids it.
            RecordMissing: there is no such task.
        """
        # Without a check of the platform: the documents have one cancellation for both kinds of accounts.
        path = fill(self._paths.cancel_task, "{task_id}", task_id)
        call = self._write_call(scope, "cancel_task", path, {"reason": reason}, "PATCH")
        return confirmation(call, await self._send(call))

    async def broadcast_drafts(self, scope: CallScope, task_ids: Sequence[str]) -> list[UpdatedTask] | None:
        """Broadcast drafts.

        Returns:
            The tasks that were broadcast; None if the upstream made the change and does not name them.
        """
        self._require_platform("broadcast_draft_tasks")
        path = self._paths.broadcast_draft_tasks
        call = self._write_call(scope, "broadcast_draft_tasks", path, {"task_ids": task_ids})
        return updated_tasks(call, await self._send(call))

    async def broadcast_with_tracking(self, scope: CallScope, items: Sequence[TrackingId]) -> list[UpdatedTask] | None:
        """Broadcast drafts and set a tracking id on those that were; returns as `broadcast_drafts` does."""
        self._require_platform("broadcast_with_tracking")
        call = self._write_call(scope, "broadcast_with_tracking", self._paths.broadcast_with_tracking, {"tasks": items})
        return updated_tasks(call, await self._send(call))

    async def set_tracking_ids(self, scope: CallScope, items: Sequence[TrackingId]) -> list[UpdatedTask] | None:
        """Set tracking ids on tasks; returns as `broadcast_drafts` does, without tasks that do not exist."""
        self._require_platform("patch_tracking_ids")
        path = self._paths.patch_tracking_ids
        call = self._write_call(scope, "patch_tracking_ids", path, {"tasks": items}, "PATCH")
        return updated_tasks(call, await self._send(call))

    async def price(self, scope: CallScope, request: PriceRequest) -> PriceQuote:
        """Return a quote for a route."""
        call = self._write_call(scope, "price", self._paths.price, request)
        # A POST that only computes: "Get price recommendation", before an order is created (document: Price).
        call.repeatable = True
        return decode(_PRICE_QUOTE, call, await self._send(call))

    async def partner(self, scope: CallScope) -> Partner:
        """Return the partner behind the account.

        Raises:
            UpstreamUnconfigured: the account's keys are not set.
        """
        self._require_keys(self._config.client_key, self._config.secret_key)
        template = self._paths.partner_detail
        call = self._read_call(scope, "partner_detail", fill(template, "{signature}", self._signature()))
        # The template, because the path itself holds both keys.
        call.shown_path = urlsplit(self._base_url).path + template
        return decode(_PARTNER, call, await self._send(call))

    async def organizations(self, scope: CallScope, *, page: int, per_page: int) -> ListPage[Organization]:
        """Return one page of the organizations; one that is not full is the last.

        Args:
            scope: The operation's.
            page: From 1.
            per_page: From 1; the upstream may use another, see `ListPage.per_page`.
        """
        self._require_platform("list_organizations")
        path = self._paths.list_organizations
        call = self._read_call(scope, "list_organizations", path, page=page, per_page=per_page)
        return page_of_organizations(call, await self._send(call))

    async def organization(self, scope: CallScope, organization_id: str) -> Organization | None:
        """Return an organization; None if the partner manages none with this id."""
        self._require_platform("organization_detail")
        path = fill(self._paths.organization_detail, "{org_id}", organization_id)
        call = self._read_call(scope, "organization_detail", path)
        answer = await self._send_or_none(call)
        return None if answer is None else one_organization(call, answer)

    async def roles(self, scope: CallScope, organization_id: str) -> list[Role]:
        """Return the roles that the users of an organization can have.

        Raises:
            RecordMissing: the partner manages no such organization.
        """
        self._require_platform("list_roles")
        call = self._read_call(scope, "list_roles", fill(self._paths.list_roles, "{org_id}", organization_id))
        return many_roles(call, await self._send(call))

    async def create_organization(self, scope: CallScope, business_name: str) -> Organization | OrganizationReference:
        """Create an organization for the partner to manage.

        Returns:
            The organization, or a reference if the upstream answers only its id.
        """
        self._require_platform("create_organization")
        path = self._paths.create_organization
        call = self._write_call(scope, "create_organization", path, {"business_name": business_name})
        return created_organization(call, await self._send(call))

    async def invite_user(self, scope: CallScope, invitation: Invitation) -> str | None:
        """Invite a user to an organization.

        Returns:
            The upstream's message; None if it has none.
        """
        self._require_platform("invite_user")
        # Within `user`, the only field of the body that the document shows.
        call = self._write_call(scope, "invite_user", self._paths.invite_user, {"user": invitation})
        return message(call, await self._send(call))

    def _creation(self, *, draft: bool) -> tuple[str, str]:
        if draft:
            self._require_platform("create_draft_tasks")
            return "create_draft_tasks", self._paths.create_draft_tasks
        if self._config.platform:
            return "platform_create_tasks", self._paths.platform_create_tasks
        return "create_tasks", self._paths.create_tasks

    def _signature(self) -> str:
        """Return the signature of the partner's keys (document: Partner Detail)."""
        # Base64 only: the document also calls it hexadecimal, which contradicts itself.
        return b64encode(f"{self._config.client_key}:{self._config.secret_key}".encode()).decode()
