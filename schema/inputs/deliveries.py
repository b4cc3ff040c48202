"""Inputs about deliveries: filters of the list, what to create, what to change."""

from collections.abc import Mapping
from datetime import date
from typing import Final

import strawberry

from resolvers.catalogue import local_id
from resolvers.errors import BadInput
from resolvers.kinds.deliveries import DELIVERY_ID, IDENTIFICATION_ID, PRODUCT_ID
from resolvers.upstreams.deliveries.requests import DeliveryChange, DeliveryFilters, NewDelivery
from schema.enums import DeliveryStatus, DeliveryType
from schema.inputs.checks import Path, Refusals, known, not_empty, optional_id
from schema.inputs.idempotency import KEY_DESCRIPTION

# The document shows the first of these; the others are formed alike, of its names of fields.
POINTERS: Final[Mapping[str, Path]] = {
    "/data/attributes/delivery-type": ("input", "type"),
    "/data/attributes/deliverable": ("input", "deliverable"),
    "/data/attributes/status": ("input", "status"),
    "/data/attributes/sent-on-behalf-of-name": ("input", "sentOnBehalfOfName"),
    "/data/attributes/sent-on-behalf-of-dpid": ("input", "sentOnBehalfOfDpid"),
    "/data/relationships/product": ("input", "productId"),
    # By itself it means a second delivery in progress (`CONFLICT_POINTERS`); here it is one of several errors.
    "/data/relationships/dsp-upload-identification": ("input", "dspUploadIdentificationId"),
}
"""The path of an argument by the upstream's JSON pointer to it in a refusal."""


@strawberry.input(description="Which deliveries to list; all that is given must hold.")
class DeliveryFilter:
    """Filters of the list of deliveries; operation lifetime."""

    ids: list[strawberry.ID] | None = strawberry.field(description="One of these deliveries.")
    product_id: strawberry.ID | None = strawberry.field(description="Deliveries of this product.")
    status: DeliveryStatus | None = strawberry.field(description="Deliveries that stand here.")
    type: DeliveryType | None = strawberry.field(description="Deliveries that ask this of the DSP.")
    dsp_upload_identification_id: strawberry.ID | None = strawberry.field(
        description="Deliveries through this channel to a DSP."
    )
    created_from: date | None = strawberry.field(description="Created on this day or later.")
    created_to: date | None = strawberry.field(description="Created on this day or before.")

    def to_request(self, path: Path) -> DeliveryFilters:
        """Return the filters as they are sent upstream.

        Raises:
            BadInput: The list of ids is empty or has another id than a delivery's, an enum is UNKNOWN, or `createdFrom`
                is after `createdTo`.
        """
        # Not left to the upstream, whose empty list would hide the mistake.
        if self.created_from and self.created_to and self.created_from > self.created_to:
            raise BadInput("createdFrom must not be after createdTo.", path=(*path, "createdFrom"))
        return DeliveryFilters(
            # In the client's order and with its repetitions, which the resolver takes out: paths of refusals count in
            # it.
            ids=self._own_ids((*path, "ids")),
            product_id=optional_id(PRODUCT_ID, self.product_id, (*path, "productId")),
            status=known(self.status, (*path, "status")),
            type=known(self.type, (*path, "type")),
            dsp_upload_identification_id=optional_id(
                IDENTIFICATION_ID,
                self.dsp_upload_identification_id,
                (*path, "dspUploadIdentificationId"),
            ),
            created_from=self.created_from,
            created_to=self.created_to,
        )

    def _own_ids(self, path: Path) -> tuple[str, ...] | None:
        if self.ids is None:
            return None
        return tuple(
            local_id(DELIVERY_ID, given, (*path, index)) for index, given in enumerate(not_empty(self.ids, path))
        )


@strawberry.input(description="A delivery to create.")
class CreateDeliveryInput:
    """A delivery to create; operation lifetime."""

    type: DeliveryType = strawberry.field(description="What the delivery asks of the DSP.")
    deliverable: bool = strawberry.field(description="true starts the delivery at once.")
    product_id: strawberry.ID = strawberry.field(
        description="What to deliver; the product must be active, but for a delivery of type DELETE."
    )
    dsp_upload_identification_id: strawberry.ID = strawberry.field(description="The channel to the DSP.")
    sent_on_behalf_of_name: str | None = strawberry.field(description="The name of the party that it is sent for.")
    sent_on_behalf_of_dpid: str | None = strawberry.field(
        description="The DDEX party id of the party that it is sent for."
    )
    idempotency_key: str | None = strawberry.field(description=KEY_DESCRIPTION)

    def to_request(self, path: Path) -> NewDelivery:
        """Return the input as it is sent upstream.

        Raises:
            BadInput: The type is UNKNOWN, or an id is of another kind.
        """
        with Refusals() as checked:
            return NewDelivery(
                type=checked(known, self.type, (*path, "type")),
                deliverable=self.deliverable,
                product_id=checked(local_id, PRODUCT_ID, self.product_id, (*path, "productId")),
                dsp_upload_identification_id=checked(
                    local_id,
                    IDENTIFICATION_ID,
                    self.dsp_upload_identification_id,
                    (*path, "dspUploadIdentificationId"),
                ),
                sent_on_behalf_of_name=self.sent_on_behalf_of_name,
                sent_on_behalf_of_dpid=self.sent_on_behalf_of_dpid,
            )


@strawberry.input(description="What to change in a delivery; what is left out or null stays as it is.")
class UpdateDeliveryInput:
    """The changes of a delivery; operation lifetime."""

    type: DeliveryType | None = strawberry.field(description="What the delivery asks of the DSP.")
    deliverable: bool | None = strawberry.field(description="Whether the delivery may start.")
    # Every word that is known: no document says which changes of the status a client may make.
    status: DeliveryStatus | None = strawberry.field(description="Where the delivery is to stand.")

    def to_request(self, path: Path) -> DeliveryChange:
        """Return the input as it is sent upstream.

        Raises:
            BadInput: An enum is UNKNOWN, or there is nothing to change.
        """
        # All fields are optional in the document, so the upstream would take it as a change of nothing.
        if self.type is None and self.deliverable is None and self.status is None:
            raise BadInput("There is nothing to change: give type, deliverable or status.", path=path)
        with Refusals() as checked:
            return DeliveryChange(
                type=checked(known, self.type, (*path, "type")),
                deliverable=self.deliverable,
                status=checked(known, self.status, (*path, "status")),
            )
