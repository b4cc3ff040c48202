"""Deliveries, products and DSP channels, decoded straight from the JSON:API resources that hold them.

Records refer to nothing that refers back to them, so the garbage collector need not follow them (`gc=False`).
"""

from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

from resolvers.ids import global_id
from resolvers.upstreams.deliveries.vocabulary import (
    FINAL_OF_WORD,
    PROGRESS_OF_WORD,
    STATUS_OF_WORD,
    TYPE_OF_WORD,
    DeliveryStatus,
    DeliveryType,
)
from resolvers.upstreams.fields import Int32, NonEmpty, Zoned, at, instant, promised_at
from resolvers.upstreams.names import Progress, UpstreamName

Resource = TypeVar("Resource")


class Party(msgspec.Struct, frozen=True, gc=False):
    """A DDEX party."""

    name: str | None
    dpid: str | None


class DeliveryAttributes(msgspec.Struct, frozen=True, gc=False, rename="kebab", kw_only=True):
    """A delivery's attributes as on the wire; those without a documented type are taken as they come."""

    # In the order in which the vendor sends them, because msgspec then finds each without a search.

    deliverable: bool | None = None
    delivery_type: str | None = None
    status: str
    priority: str | None = None
    send_date: Any = None
    batch_id: str | None = None
    ack_status_message: Any = None
    sent_at: Any = None
    packaged_by: Any = None
    sent_by: Any = None
    message_id: str | None = None
    sent_on: str | None = None
    created_by: Any = None
    sent_on_behalf_of_name: str | None = None
    sent_on_behalf_of_dpid: str | None = None
    created_at: Zoned | None = None
    updated_at: Zoned | None = None


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """One product sent to one DSP, a send-task. Lifetime: cache entry."""

    send_task_id: NonEmpty = msgspec.field(name="id")
    attributes: DeliveryAttributes

    # Promised and not required of the wire, so that a delivery that lacks one fails only the queries that select it.
    deliverable = promised_at("attributes.deliverable", UpstreamName.DELIVERIES)
    raw_status = at("attributes.status")
    priority = at("attributes.priority")
    batch_id = at("attributes.batch_id")
    message_id = at("attributes.message_id")
    acknowledgement = at("attributes.ack_status_message")
    sent_on = at("attributes.sent_on")
    created_at = promised_at("attributes.created_at", UpstreamName.DELIVERIES)
    updated_at = promised_at("attributes.updated_at", UpstreamName.DELIVERIES)

    @property
    def id(self) -> str:
        """The global ID."""
        return global_id("Delivery", self.send_task_id)

    @property
    def type(self) -> DeliveryType:
        """What it does with the product at the DSP; UNKNOWN if the upstream does not say."""
        word = self.attributes.delivery_type
        # Not required of the wire either: the record is of use without it, and the schema has a word for this.
        return DeliveryType.UNKNOWN if word is None else TYPE_OF_WORD[word]

    @property
    def is_whole(self) -> bool:
        """Whether it has the fields that a change is verified by."""
        return self.attributes.deliverable is not None and self.attributes.delivery_type is not None

    @property
    def status(self) -> DeliveryStatus:
        """The status, in the vendor's vocabulary."""
        return STATUS_OF_WORD[self.attributes.status]

    @property
    def progress(self) -> Progress:
        """The status, in the vocabulary of all upstreams."""
        return PROGRESS_OF_WORD[self.attributes.status]

    @property
    def final(self) -> bool:
        """Whether no further change will come."""
        return FINAL_OF_WORD[self.attributes.status]

    @property
    def send_date(self) -> datetime | None:
        """When it was sent; the upstream writes no zone, and means UTC."""
        return instant(self.attributes.send_date)

    @property
    def sent_at(self) -> datetime | None:
        """An instant of undocumented meaning and form; None if it is no timestamp."""
        return instant(self.attributes.sent_at)

    @property
    def packaged_by(self) -> str | None:
        """Who packaged it: a name or a number."""
        return _word(self.attributes.packaged_by)

    @property
    def sent_by(self) -> str | None:
        """Who sent it: a name or a number."""
        return _word(self.attributes.sent_by)

    @property
    def created_by(self) -> str | None:
        """Who created it: a name or a number."""
        return _word(self.attributes.created_by)

    @property
    def sent_on_behalf_of(self) -> Party | None:
        """The contact party; None if neither its name nor its id is given."""
        name, dpid = self.attributes.sent_on_behalf_of_name, self.attributes.sent_on_behalf_of_dpid
        return None if name is None and dpid is None else Party(name, dpid)


class DeliveryReference(msgspec.Struct, frozen=True, gc=False):
    """A delivery of which only the id is known, until it is read."""

    send_task_id: NonEmpty = msgspec.field(name="id")


class Product(msgspec.Struct, frozen=True, gc=False):
    """A product that is delivered. Lifetime: cache entry."""

    product_id: NonEmpty = msgspec.field(name="id")
    # Whole, because the schema passes all of them on; msgspec makes a new dict of this default for each record.
    attributes: dict[str, Any] = {}

    @property
    def id(self) -> str:
        """The global ID."""
        return global_id("Product", self.product_id)

    @property
    def name(self) -> str | None:
        """Its title."""
        return _word(self.attributes.get("name"))

    @property
    def status(self) -> str | None:
        """The upstream's word, such as `active`, which it must be to be delivered."""
        return _word(self.attributes.get("status"))

    @property
    def upc_code(self) -> str | None:
        """The 13 digits of its bar code."""
        return _word(self.attributes.get("upc-code"))


class DspUploadIdentification(msgspec.Struct, frozen=True, gc=False):
    """The channel to a DSP that a delivery goes through. Lifetime: cache entry.

    No document describes its attributes: all are passed through, and its name is read from the likely ones.
    """

    dsp_upload_identification_id: NonEmpty = msgspec.field(name="id")
    attributes: dict[str, Any] = {}

    @property
    def id(self) -> str:
        """The global ID."""
        return global_id("DspUploadIdentification", self.dsp_upload_identification_id)

    @property
    def name(self) -> str | None:
        """The channel's or the DSP's name."""
        # The second is its name in a closely related API of another vendor.
        return _word(self.attributes.get("name")) or _word(self.attributes.get("dsp-name"))


class PageMeta(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The sizes of a list and of its pages."""

    # Optional, because only a query for `totalCount` needs it.
    total: Int32 | None = None
    per_page: int | None = None


class ListMeta(msgspec.Struct, frozen=True, gc=False):
    """The `meta` member of a list."""

    page: PageMeta = PageMeta()


class DeliveryPage(msgspec.Struct, frozen=True, gc=False):
    """One page of deliveries. Lifetime: cache entry.

    `per_page` is the page size that the upstream used, which may be smaller than the one asked for.
    """

    records: tuple[Delivery, ...] = msgspec.field(name="data")
    meta: ListMeta = ListMeta()

    total = at("meta.page.total")
    per_page = at("meta.page.per_page")


class Document(msgspec.Struct, Generic[Resource], frozen=True, gc=False):
    """The JSON:API document around one resource, or around None if a relationship is empty."""

    data: Resource


# Null is an answer to a read only; to a creation or a change it is one that lacks the record (`whole_or_none`).
FOUND_DELIVERY = msgspec.json.Decoder(Document[Delivery | None])
DELIVERY = msgspec.json.Decoder(Document[Delivery])
DELIVERY_REFERENCE = msgspec.json.Decoder(Document[DeliveryReference])
DELIVERY_PAGE = msgspec.json.Decoder(DeliveryPage)
PRODUCT = msgspec.json.Decoder(Document[Product | None])
UPLOAD_IDENTIFICATION = msgspec.json.Decoder(Document[DspUploadIdentification | None])


def _word(value: Any) -> str | None:  # noqa: ANN401 - no document says what the value may be
    """Return a text as it is and a whole number as its digits; None for anything else."""
    if isinstance(value, str):
        return value
    # By `type`, because a boolean is an instance of `int`.
    return str(value) if type(value) is int else None
