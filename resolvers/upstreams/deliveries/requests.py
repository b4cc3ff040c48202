"""Requests to the send-tasks API: filters of the list, and the documents that create and change a delivery."""

from datetime import date
from typing import Final

import msgspec

from resolvers.upstreams.deliveries.vocabulary import DeliveryStatus, DeliveryType
from resolvers.upstreams.encoding import request_body


class DeliveryFilters(msgspec.Struct, frozen=True, omit_defaults=True):
    """The filters of a list of deliveries: each compares for equality, all must hold, None filters nothing.

    Args:
        ids: At least one.
        product_id: The upstream's own.
        status: Any but UNKNOWN.
        type: Any but UNKNOWN.
        dsp_upload_identification_id: The upstream's own.
        created_from: The first day.
        created_to: The last day; no document says whether the whole of it counts.
    """

    ids: tuple[str, ...] | None = None
    product_id: str | None = None
    status: DeliveryStatus | None = None
    type: DeliveryType | None = None
    dsp_upload_identification_id: str | None = None
    created_from: date | None = None
    created_to: date | None = None


NO_FILTERS: Final = DeliveryFilters()


class NewDelivery(msgspec.Struct, frozen=True):
    """A delivery to create (documents: "Create SendTask").

    Args:
        type: Any but UNKNOWN.
        deliverable: True starts it at once.
        product_id: The upstream's own; the product must be active, save for a DELETE.
        dsp_upload_identification_id: The upstream's own.
        sent_on_behalf_of_name: The contact party.
        sent_on_behalf_of_dpid: The contact party's DDEX party id.
    """

    type: DeliveryType
    deliverable: bool
    product_id: str
    dsp_upload_identification_id: str
    sent_on_behalf_of_name: str | None = None
    sent_on_behalf_of_dpid: str | None = None


class DeliveryChange(msgspec.Struct, frozen=True, omit_defaults=True, rename={"type": "delivery-type"}):
    """The changes to a delivery (documents: "Update SendTask"); a field that is None keeps its value."""

    type: DeliveryType | None = None
    deliverable: bool | None = None
    status: DeliveryStatus | None = None


def filter_parameters(filters: DeliveryFilters) -> dict[str, str]:
    """Return the filters as query parameters (documents: "Filters")."""
    words = {
        "filter[id]": ",".join(filters.ids) if filters.ids is not None else None,
        "filter[product-id]": filters.product_id,
        "filter[status]": filters.status.value if filters.status else None,
        "filter[delivery-type]": filters.type.value if filters.type else None,
        "filter[dsp-upload-identification-id]": filters.dsp_upload_identification_id,
        # Bare days, the only form that the document shows for these two.
        "filter[created-at-gte]": filters.created_from.isoformat() if filters.created_from else None,
        "filter[created-at-lte]": filters.created_to.isoformat() if filters.created_to else None,
    }
    return {name: word for name, word in words.items() if word is not None}


def creation_document(request: NewDelivery) -> bytes:
    """Return the JSON:API document that creates a delivery."""
    attributes = {
        "deliverable": request.deliverable,
        "delivery-type": request.type,
        "sent-on-behalf-of-name": request.sent_on_behalf_of_name,
        "sent-on-behalf-of-dpid": request.sent_on_behalf_of_dpid,
    }
    resource = {
        "type": "send-tasks",
        # Left out and not null, because the document calls the contact party optional and does not say what null does.
        "attributes": {name: value for name, value in attributes.items() if value is not None},
        "relationships": {
            # The document names the relationships and not the types in them; these are formed as the tutorial's.
            "product": _to_one("products", request.product_id),
            "dsp-upload-identification": _to_one("dsp-upload-identifications", request.dsp_upload_identification_id),
        },
    }
    return request_body({"data": resource})


def change_document(delivery_id: str, request: DeliveryChange) -> bytes:
    """Return the JSON:API document that changes a delivery."""
    # The id again, though the URL has it: JSON:API demands type and id in a PATCH ("Updating Resources").
    return request_body({"data": {"type": "send-tasks", "id": delivery_id, "attributes": request}})


def _to_one(kind: str, own_id: str) -> dict[str, dict[str, str]]:
    return {"data": {"type": kind, "id": own_id}}
