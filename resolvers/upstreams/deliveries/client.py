"""The client of the send-tasks API: one method for each of its operations."""

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

# With a content type on GETs too, because the documents ask for it on every request.
HEADERS: Final = (("accept", MEDIA_TYPE), ("content-type", MEDIA_TYPE))

CONFLICT_POINTERS: Final = frozenset({"/data", "/data/relationships/dsp-upload-identification"})
"""The pointers of a 422 that means a second delivery in progress; assumed, because no document shows one."""


@dataclass(frozen=True)
class DeliveriesConfig:
    """The address of the API. Lifetime: process.

    Args:
        base_url: With `/api/v1`, without a slash at its end.
        newest_first: Whether lists begin with the newest delivery, which no document says.
    """

    base_url: str
    newest_first: bool = False


class DeliveriesClient:
    """Makes the operations of the send-tasks API. Lifetime: account.

    Every method takes the scope of the operation that it is called for, and raises an `UpstreamError` if the API did
    not do what was asked. The client does not retry, wait or add credentials: the policies in its transport do.

    Args:
        transport: Sends the calls, with the account's credentials.
        config: The address of the API.

    Attributes:
        newest_first: Whether lists begin with the newest delivery.
    """

    def __init__(self, transport: Transport, config: DeliveriesConfig) -> None:
        self._transport = transport
        self.newest_first = config.newest_first
        self._base_url = config.base_url
        self._send_tasks_url = f"{config.base_url}/send-tasks"

    async def delivery(self, scope: CallScope, delivery_id: str) -> Delivery | None:
        """Return a delivery; None if there is none with this id (documents: "Get SendTask")."""
        return await self._resource(scope, "delivery", self._delivery_url(delivery_id), FOUND_DELIVERY)

    async def deliveries(
        self,
        scope: CallScope,
        filters: DeliveryFilters,
        *,
        page_number: int,
        page_size: int,
    ) -> DeliveryPage:
        """Return one page of the deliveries that pass all filters (documents: "Lists SendTasks").

        Args:
            scope: The operation's.
            filters: The filters.
            page_number: From 1.
            page_size: The size to ask for; the upstream may use a smaller one, see `DeliveryPage.per_page`.
        """
        parameters = filter_parameters(filters)
        parameters["page[number]"] = str(page_number)
        parameters["page[size]"] = str(page_size)
        return await self._page(scope, "deliveries", parameters)

    async def deliveries_by_id(
        self, scope: CallScope, delivery_ids: Sequence[str], filters: DeliveryFilters = NO_FILTERS
    ) -> DeliveryPage:
        """Return several deliveries by one call, in any order.

        An id that is missing from the answer may exist all the same, since the vendor documents one id for this filter
        and lists of ids only for its siblings.

        Args:
            scope: The operation's.
            delivery_ids: At least one.
            filters: Further filters that the deliveries must pass; without ids.

        Raises:
            InputRefused: the API takes no list of ids.
        """
        parameters = filter_parameters(filters)
        # With commas, as the vendor documents it for its other resources (`/dsps?filter[id]=1,3,7`).
        parameters["filter[id]"] = ",".join(delivery_ids)
        # All in one page, because only one is read.
        parameters["page[size]"] = str(len(delivery_ids))
        return await self._page(scope, "deliveries_by_id", parameters, len(delivery_ids))

    async def product_of(self, scope: CallScope, delivery_id: str) -> Product | None:
        """Return the product of a delivery (the relationship's `related` link); None if it has none."""
        return await self._resource(scope, "product_of", f"{self._delivery_url(delivery_id)}/product", PRODUCT)

    async def upload_identification_of(self, scope: CallScope, delivery_id: str) -> DspUploadIdentification | None:
        """Return the channel of a delivery (the relationship's `related` link); None if it has none."""
        url = f"{self._delivery_url(delivery_id)}/dsp-upload-identification"
        return await self._resource(scope, "upload_identification_of", url, UPLOAD_IDENTIFICATION)

    async def product(self, scope: CallScope, product_id: str) -> Product | None:
        """Return a product; None if there is none with this id."""
        return await self._resource(scope, "product", f"{self._base_url}/products/{path_segment(product_id)}", PRODUCT)

    async def upload_identification(self, scope: CallScope, identification_id: str) -> DspUploadIdentification | None:
        """Return a channel to a DSP; None if there is none with this id."""
        # An assumed path, because no document names it.
        url = f"{self._base_url}/dsp-upload-identifications/{path_segment(identification_id)}"
        return await self._resource(scope, "upload_identification", url, UPLOAD_IDENTIFICATION)

    async def create_delivery(self, scope: CallScope, request: NewDelivery) -> Delivery | DeliveryReference:
        """Create a delivery, and start it if it is deliverable (documents: "Create SendTask").

        Returns:
            The delivery, or a reference if the API answers with no more than its id.

        Raises:
            InputRefused: the API refused it; `pointer` names the place.
            StillInProgress: one for the same product, DSP and type is still in progress.
            RecordMissing: there is no such product or channel.
        """
        document = creation_document(request)
        call, answer = await self._write(scope, "create_delivery", "POST", self._send_tasks_url, document)
        # A record without the fields that show the change is read again, as one that the answer lacks altogether.
        found = whole_or_none(DELIVERY, call, answer)
        return found.data if found and found.data.is_whole else decode(DELIVERY_REFERENCE, call, answer).data

    async def update_delivery(self, scope: CallScope, delivery_id: str, request: DeliveryChange) -> Delivery | None:
        """Change a delivery (documents: "Update SendTask").

        This also withdraws a delivery, because the API refuses every DELETE.

        Returns:
            The delivery, or None if the API made the change and does not answer with the whole delivery.

        Raises:
            InputRefused: the API refused the change; `pointer` names the place.
            StillInProgress: the change would make it the second in progress.
            RecordMissing: there is no such delivery.
        """
        document = change_document(delivery_id, request)
        call, answer = await self._write(scope, "update_delivery", "PATCH", self._delivery_url(delivery_id), document)
        found = whole_or_none(DELIVERY, call, answer)
        return found.data if found and found.data.is_whole else None

    def _delivery_url(self, delivery_id: str) -> str:
        return f"{self._send_tasks_url}/{path_segment(delivery_id)}"

    async def _page(
        self, scope: CallScope, operation: str, parameters: Mapping[str, str], records: int = 1
    ) -> DeliveryPage:
        call, answer = await self._get(scope, operation, f"{self._send_tasks_url}?{urlencode(parameters)}", records)
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
        # An answer and no failure: the schema shows null, without an error, for what does not exist.
        if answer.status == 404:
            return None
        require_success(call, answer, read_error_body)
        # None for `{"data": null}` as well, by which JSON:API says that a relationship leads nowhere.
        return decode(decoder, call, answer).data

    async def _get(self, scope: CallScope, operation: str, url: str, records: int = 1) -> tuple[Call, Answer]:
        call = Call(
            UpstreamName.DELIVERIES,
            operation,
            "GET",
            url,
            scope.deadline,
            HEADERS,
            traces=scope.traces,
            turn_by=scope.turn_by,
            context=scope.context,
            records=records,
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
            # No document has a key that makes a repetition harmless: a second POST could deliver the product twice.
            repeatable=False,
            traces=scope.traces,
            turn_by=scope.turn_by,
            context=scope.context,
        )
        answer = await self._transport.send(call)
        _require_write(call, answer)
        return call, answer


def _require_write(call: Call, answer: Answer) -> None:
    """Raise the error that an answer to a creation or a change means; return if it is a success."""
    try:
        require_success(call, answer, read_error_body)
    except Conflicting as conflict:
        # Of one kind only, because the documents know no other conflict than a second delivery in progress.
        raise StillInProgress(conflict.upstream, conflict.message) from conflict
    except InputRefused as refusal:
        # With several errors it is no conflict only, so all of them are reported.
        if answer.status == 422 and refusal.pointer in CONFLICT_POINTERS and not refusal.also:
            raise StillInProgress(refusal.upstream, refusal.message) from refusal
        raise
