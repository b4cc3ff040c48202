"""The loaders of an operation, one for each kind of record, and how each is fetched."""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any, Final

from resolvers.accounts import Account
from resolvers.errors import InputRefused
from resolvers.loaders import BatchLoader, Loader, RequestLoader
from resolvers.sms_centres import read_job, read_recipients
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.deliveries.records import Delivery, DspUploadIdentification, Product
from resolvers.upstreams.logistics.account_records import Organization, Role
from resolvers.upstreams.logistics.task_records import LogisticsTask
from resolvers.upstreams.sms.records import Recipient, SmsJob

MAX_DELIVERY_BATCH: Final = 50
"""Ids in one `filter[id]`: the API's largest page is undocumented, and this is below every cap seen elsewhere."""


class RecordLoaders:
    """One loader for each kind of record; lives one operation.

    Args:
        account: Whose clients fetch.
        scope: The operation's deadline and traces.
    """

    def __init__(self, account: Account, scope: CallScope) -> None:
        self._account = account
        self._scope = scope
        self.deliveries: BatchLoader[str, Delivery] = BatchLoader(
            self._deliveries_by_id, self._delivery, MAX_DELIVERY_BATCH
        )
        self.products: Loader[str, Product | None] = Loader(self._product)
        self.products_of_deliveries: Loader[str, Product | None] = Loader(self._product_of)
        self.identifications: Loader[str, DspUploadIdentification | None] = Loader(self._identification)
        self.identifications_of_deliveries: Loader[str, DspUploadIdentification | None] = Loader(
            self._identification_of
        )
        self.jobs: Loader[str, SmsJob | None] = Loader(self._job)
        self.recipients: Loader[str, list[Recipient] | None] = Loader(self._recipients)
        self.tasks: Loader[str, LogisticsTask | None] = Loader(self._task)
        self.organizations: Loader[str, Organization | None] = Loader(self._organization)
        self.roles: Loader[str, list[Role]] = Loader(self._roles)
        self._requests = RequestLoader()

    def once(self, request: Hashable, ask: Callable[[], Awaitable[Any]]) -> Awaitable[Any]:
        """The answer to a request that is no single record, asked for once an operation.

        Args:
            request: What makes it the same request: a name, then its arguments.
            ask: Asks the upstream.
        """
        return self._requests.load(request, ask)

    def cancel(self) -> None:
        """Give up what is still on its way."""
        for loader in vars(self).values():
            if isinstance(loader, Loader | BatchLoader | RequestLoader):
                loader.cancel()

    async def _delivery(self, delivery_id: str) -> Delivery | None:
        return await self._account.deliveries.delivery(self._scope, delivery_id)

    async def _deliveries_by_id(self, delivery_ids: Sequence[str]) -> dict[str, Delivery]:
        """Empty once the upstream has refused a list of ids: then each is asked for singly."""
        if not self._account.delivery_batches:
            return {}
        try:
            found = await self._account.deliveries.deliveries_by_id(self._scope, delivery_ids)
        except InputRefused:
            self._account.delivery_batches = False
            return {}
        return {delivery.send_task_id: delivery for delivery in found}

    async def _product(self, product_id: str) -> Product | None:
        return await self._account.deliveries.product(self._scope, product_id)

    async def _product_of(self, delivery_id: str) -> Product | None:
        return await self._account.deliveries.product_of(self._scope, delivery_id)

    async def _identification(self, identification_id: str) -> DspUploadIdentification | None:
        return await self._account.deliveries.upload_identification(self._scope, identification_id)

    async def _identification_of(self, delivery_id: str) -> DspUploadIdentification | None:
        return await self._account.deliveries.upload_identification_of(self._scope, delivery_id)

    async def _job(self, job_id: str) -> SmsJob | None:
        return await read_job(self._account, self._scope, job_id)

    async def _recipients(self, job_id: str) -> list[Recipient] | None:
        return await read_recipients(self._account, self._scope, job_id)

    async def _task(self, task_id: str) -> LogisticsTask | None:
        return await self._account.logistics.task(self._scope, task_id)

    async def _organization(self, organization_id: str) -> Organization | None:
        return await self._account.logistics.organization(self._scope, organization_id)

    async def _roles(self, organization_id: str) -> list[Role]:
        return await self._account.logistics.roles(self._scope, organization_id)
