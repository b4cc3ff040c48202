"""The client of the send-tasks API: one method for each thing that can be asked of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeVar
from urllib.parse import urlencode

import msgspec

from resolvers.errors import Conflicting, InputRefused, StillInProgress
from resolvers.upstreams.answers import decode, require_success, whole_or_none
from resolvers.upstreams.call import Answer, Call, CallScope, Transport
from resolvers.upstreams.deliveries.records import (
    DELIVERY,
    DELIVERY_PAGE,
    DELIVERY_REFERENCE,
    FOUND_DELIVERY,
    PRODUCT,
    UPLOAD_IDENTIFICATION,
    Delivery,
    DeliveryPage,
    DeliveryReference,
    Document,
    DspUploadIdentification,
    Product,
)
from resolvers.upstreams.deliveries.requests import (
    NO_FILTERS,
    DeliveryChange,
    DeliveryFilters,
    NewDelivery,
    change_document,
    creation_document,
    filter_parameters,
)
from resolvers.upstreams.encoding import path_segment
from resolvers.upstreams.error_body import read_error_body
from resolvers.upstreams.names import UpstreamName

Resource = TypeVar("Resource")

MEDIA_TYPE: Final = "application/vnd.api+json"
HEADERS: Final = (("accept", MEDIA_TYPE), ("content-type", MEDIA_TYPE))
"""The documents ask for the content type on every request, GETs included."""

CONFLICT_POINTERS: Final = frozenset({"/data", "/data/relationships/dsp-upload-identification"})
"""Where a 422 points that means a second delivery in progress; assumed, since no document shows one."""


@dataclass(frozen=True)
class DeliveriesConfig:
    """Where the API is; process lifetime.

    Args:
        base_url: With `/api/v1`, without a slash at its end.
    """

    base_url: str


class DeliveriesClient:
    """Asks the send-tasks API; process lifetime, one for each account.

    Every method raises an `UpstreamError` where the API did not do what it was asked. The client neither retries nor
    waits nor adds credentials: the policies around the transport do.

    Args:
        transport: Gets calls answered, with this account's credentials.
        config: Where the API is.
    """

    def __init__(self, transport: Transport, config: DeliveriesConfig) -> None:
        self._transport = transport
        self._base_url = config.base_url
        self._send_tasks_url = f"{config.base_url}/send-tasks"

    async def delivery(self, scope: CallScope, delivery_id: str) -> Delivery | None:
        """One delivery; None where there is none (documents: "Get SendTask")."""
        return await self._resource(scope, "delivery", self._delivery_url(delivery_id), FOUND_DELIVERY)

    async def deliveries(
        self,
        scope: CallScope,
        filters: DeliveryFilters,
        *,
        page_number: int,
        page_size: int,
    ) -> DeliveryPage:
        """One page of the deliveries that pass all filters (documents: "Lists SendTasks").

        Args:
            scope: The operation that asks.
            filters: Which to list.
            page_number: From 1.
            page_size: The upstream may take it for less: see `DeliveryPage.per_page`.
        """
        parameters = filter_parameters(filters)
        parameters["page[number]"] = str(page_number)
        parameters["page[size]"] = str(page_size)
        return await self._page(scope, "deliveries", parameters)

    async def deliveries_by_id(
        self, scope: CallScope, delivery_ids: Sequence[str], filters: DeliveryFilters = NO_FILTERS
    ) -> DeliveryPage:
        """Several deliveries by one call, in any order and without those that do not exist or pass the filters.

        The vendor documents one id for this filter, and lists of ids only for its siblings: an id that is missing
        from the answer may exist all the same.

        Args:
            scope: The operation that asks.
            delivery_ids: At least one.
            filters: What else must hold; without ids.

        Raises:
            InputRefused: the API takes no list of ids.
        """
        parameters = filter_parameters(filters)
        parameters["filter[id]"] = ",".join(delivery_ids)
        parameters["page[size]"] = str(len(delivery_ids))
        return await self._page(scope, "deliveries_by_id", parameters)

    async def product_of(self, scope: CallScope, delivery_id: str) -> Product | None:
        """The product that a delivery is about (the relationship's `related` link)."""
        return await self._resource(scope, "product_of", f"{self._delivery_url(delivery_id)}/product", PRODUCT)

    async def upload_identification_of(self, scope: CallScope, delivery_id: str) -> DspUploadIdentification | None:
        """The channel that a delivery goes through (the relationship's `related` link)."""
        url = f"{self._delivery_url(delivery_id)}/dsp-upload-identification"
        return await self._resource(scope, "upload_identification_of", url, UPLOAD_IDENTIFICATION)

    async def product(self, scope: CallScope, product_id: str) -> Product | None:
        """One product; None where there is none."""
        return await self._resource(scope, "product", f"{self._base_url}/products/{path_segment(product_id)}", PRODUCT)

    async def upload_identification(self, scope: CallScope, identification_id: str) -> DspUploadIdentification | None:
        """One channel to a DSP; None where there is none. Its path is assumed: no document names it."""
        url = f"{self._base_url}/dsp-upload-identifications/{path_segment(identification_id)}"
        return await self._resource(scope, "upload_identification", url, UPLOAD_IDENTIFICATION)

    async def create_delivery(self, scope: CallScope, request: NewDelivery) -> Delivery | DeliveryReference:
        """Create a delivery, and start it where it is deliverable (documents: "Create SendTask").

        Returns:
            The delivery, or its id alone where the API answers with no more.

        Raises:
            InputRefused: the API refused it, and points to where.
            StillInProgress: one for the same product, DSP and type has not ended.
            RecordMissing: there is no such product or channel.
        """
        document = creation_document(request)
        call, answer = await self._write(scope, "create_delivery", "POST", self._send_tasks_url, document)
        found = whole_or_none(DELIVERY, call, answer)
        return found.data if found and found.data.is_whole else decode(DELIVERY_REFERENCE, call, answer).data

    async def update_delivery(self, scope: CallScope, delivery_id: str, request: DeliveryChange) -> Delivery | None:
        """Change a delivery (documents: "Update SendTask"); the API refuses every DELETE, so this also holds one back.

        Returns:
            The delivery, or None where the API made the change and does not answer with the whole delivery.

        Raises:
            InputRefused: the API refused the change, and points to where.
            StillInProgress: the change would make it the second in progress.
            RecordMissing: there is no such delivery.
        """
        document = change_document(delivery_id, request)
        call, answer = await self._write(scope, "update_delivery", "PATCH", self._delivery_url(delivery_id), document)
        found = whole_or_none(DELIVERY, call, answer)
        return found.data if found and found.data.is_whole else None

    def _delivery_url(self, delivery_id: str) -> str:
        return f"{self._send_tasks_url}/{path_segment(delivery_id)}"

    async def _page(self, scope: CallScope, operation: str, parameters: Mapping[str, str]) -> DeliveryPage:
        call, answer = await self._get(scope, operation, f"{self._send_tasks_url}?{urlencode(parameters)}")
        require_success(call, answer, read_error_body)
        return decode(DELIVERY_PAGE, call, answer)

    async def _resource(
        self,
        scope: CallScope,
        operation: str,
        url: str,
        decoder: msgspec.json.Decoder[Document[Resource | None]],
    ) -> Resource | None:
        call, answer = await self._get(scope, operation, url)
        if answer.status == 404:
            return None
        require_success(call, answer, read_error_body)
        return decode(decoder, call, answer).data

    async def _get(self, scope: CallScope, operation: str, url: str) -> tuple[Call, Answer]:
        call = Call(
            UpstreamName.DELIVERIES,
            operation,
            "GET",
            url,
            scope.deadline,
            HEADERS,
            traces=scope.traces,
            turn_by=scope.turn_by,
        )
        return call, await self._transport.send(call)

    async def _write(
        self, scope: CallScope, operation: str, method: Literal["POST", "PATCH"], url: str, document: bytes
    ) -> tuple[Call, Answer]:
        call = Call(
            UpstreamName.DELIVERIES,
            operation,
            method,
            url,
            scope.deadline,
            HEADERS,
            document,
            repeatable=False,
            traces=scope.traces,
            turn_by=scope.turn_by,
        )
        answer = await self._transport.send(call)
        _require_write(call, answer)
        return call, answer


def _require_write(call: Call, answer: Answer) -> None:
    """Pass a success, and raise what any other answer to a creation or a change means."""
    try:
        require_success(call, answer, read_error_body)
    except Conflicting as conflict:
        # The documents know one conflict alone: a second delivery of the same while the first has not ended.
        raise StillInProgress(conflict.upstream, conflict.message) from conflict
    except InputRefused as refusal:
        if answer.status == 422 and refusal.pointer in CONFLICT_POINTERS and not refusal.also:
            raise StillInProgress(refusal.upstream, refusal.message) from refusal
        raise
