"""Deliveries and what belongs to them, as views of the records of the send-tasks API."""

from datetime import datetime

import strawberry
from strawberry.scalars import JSON

from resolvers import deliveries
from resolvers.upstreams import operations
from resolvers.upstreams.deliveries import records
from schema.enums import DeliveryStatus, DeliveryType
from schema.nodes import Node, PageInfo, Trackable, is_record
from schema.nullability import ITEMS_NULL_ONLY_ON_ERROR, NULL_ONLY_ON_ERROR
from schema.prices import WHOLE_PAGE, CallForEach, priced
from schema.sms import sms_jobs_about


@strawberry.type(description="A DDEX party.")
class Party:
    """A view of the party that a delivery is sent for."""

    name: str | None = strawberry.field(description="The party's name.")
    dpid: str | None = strawberry.field(description="The party's DDEX party id.")


@strawberry.type(description="What is delivered: an album, a single.")
class Product(Node):
    """A view of a product."""

    # Resolvers return records and not these objects: what an interface stands for shows only in the record's class.
    is_type_of = is_record(records.Product)

    product_id: str = strawberry.field(description="The upstream's own id.")
    name: str | None = strawberry.field(description="The title.")
    status: str | None = strawberry.field(
        description="The upstream's own word; only an `active` product can be delivered."
    )
    upc_code: str | None = strawberry.field(description="The Universal Product Code, 13 digits.")
    # All of them, because the vendor's page about products has many more than the three that are fields here.
    attributes: JSON = strawberry.field(description="All attributes of the upstream resource.")


@strawberry.type(description="The channel to a DSP that a delivery goes through.")
class DspUploadIdentification(Node):
    """A view of a channel to a DSP."""

    is_type_of = is_record(records.DspUploadIdentification)

    dsp_upload_identification_id: str = strawberry.field(description="The upstream's own id.")
    name: str | None = strawberry.field(description="The channel's name.")
    attributes: JSON = strawberry.field(description="All attributes of the upstream resource.")


@strawberry.type(description="One product sent to one DSP: a send-task.")
class Delivery(Trackable):
    """A view of a send-task."""

    is_type_of = is_record(records.Delivery)

    send_task_id: str = strawberry.field(description="The upstream's own id.")
    type: DeliveryType = strawberry.field(description="What the delivery asks of the DSP.")
    status: DeliveryStatus = strawberry.field(description="Where the delivery stands, in the upstream's vocabulary.")
    deliverable: bool = strawberry.field(description="Whether the delivery may start.")
    # No enum: the document shows `normal` and lists no other word.
    priority: str | None = strawberry.field(description="The upstream's own word, such as `normal`.")
    batch_id: str | None = strawberry.field(description="The batch that the delivery was sent in, a UUID.")
    message_id: str | None = strawberry.field(description="The id of the message to the DSP.")
    # Untyped, because the document has one example of it and no description.
    acknowledgement: JSON | None = strawberry.field(description="The DSP's acknowledgement, as received.")
    send_date: datetime | None = strawberry.field(
        description="When the delivery was sent. The upstream writes no zone; read as UTC."
    )
    # Text, because it holds a UUID until the delivery is sent (document: Create SendTask).
    sent_on: str | None = strawberry.field(description="17 digits yyyyMMddHHmmssSSS once sent, a UUID before.")
    sent_at: datetime | None = strawberry.field(description="When the delivery was sent, where the upstream notes it.")
    packaged_by: str | None = strawberry.field(description="Who packaged the delivery.")
    sent_by: str | None = strawberry.field(description="Who sent the delivery.")
    created_by: str | None = strawberry.field(description="Who created the delivery.")
    sent_on_behalf_of: Party | None = strawberry.field(description="The party that the delivery is sent for.")
    created_at: datetime = strawberry.field(description="When the delivery was created.")
    updated_at: datetime = strawberry.field(description="When the delivery last changed.")
    # A call for each: a send-task has only links to its product and channel, not their ids (document: Get SendTask).
    product = strawberry.field(
        resolver=deliveries.product,
        graphql_type=Product | None,
        description="What is delivered.",
        metadata=priced(CallForEach(operations.PRODUCT_OF, "Product")),
    )
    dsp_upload_identification = strawberry.field(
        resolver=deliveries.upload_identification,
        graphql_type=DspUploadIdentification | None,
        description="The channel to the DSP.",
        metadata=priced(CallForEach(operations.UPLOAD_IDENTIFICATION_OF, "DspUploadIdentification")),
    )
    sms_jobs = sms_jobs_about("delivery")


@strawberry.type(description="A delivery and its place in the list.")
class DeliveryEdge:
    """A view of one edge of a connection."""

    cursor: str = strawberry.field(description="Pass as `after` to go on behind this delivery.")
    # Nullable, so that a record that cannot be read costs its own place and not the whole list.
    node: Delivery | None = strawberry.field(
        description="The delivery; null where it could not be read.", directives=[NULL_ONLY_ON_ERROR]
    )


@strawberry.type(description="One page of deliveries.")
class DeliveryConnection:
    """A view of a connection of deliveries."""

    edges: list[DeliveryEdge] = strawberry.field(
        description="The deliveries of this page with their cursors.", metadata=priced(size=WHOLE_PAGE)
    )
    nodes: list[Delivery | None] = strawberry.field(
        description="The deliveries of this page.",
        metadata=priced(size=WHOLE_PAGE),
        directives=[ITEMS_NULL_ONLY_ON_ERROR],
    )
    page_info: PageInfo = strawberry.field(description="Where in the list this page stands.")
    # Never null, as the contract has it; the resolver fails if it is selected and the upstream gives no total.
    total_count: int = strawberry.field(description="How many deliveries match, over all pages.")
