"""Records of the simulated send-tasks API and their resource objects: send-tasks, products, DSP upload identifications.

Theory of operation: the course of a delivery (when it is sent, when and how it finishes) is drawn once, when the task
becomes deliverable. The status at any time is a pure function of the course and that time: pending, then waiting, then
"procesing", then the outcome. A status that a client writes takes precedence over the course.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.sandbox.deliveries.jsonapi import Document, related_links

DELIVERY_TYPES = ("delivery", "update", "redelivery", "delete")
# With the document's own spelling of "procesing".
STATUSES = ("pending", "waiting", "procesing", "completed", "error")
# What the document's note on second tasks calls no longer in progress.
FINISHED = frozenset({"completed", "error"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """The course of one delivery, decided in advance.

    Attributes:
        starts_at: The delivery is pending before, waiting from then on.
        sent_after: Seconds from the start until it is sent to the DSP.
        procesing_after: Seconds from the start until it is "procesing" (the vendor's spelling).
        finished_after: Seconds from the start until the outcome.
        outcome: "completed" or "error".
        batch_id: A UUID, shown once the delivery is sent.
        message_id: Shown once the delivery is sent.
    """

    starts_at: datetime
    sent_after: float
    procesing_after: float
    finished_after: float
    outcome: str
    batch_id: str
    message_id: str

    @property
    def sent_at(self) -> datetime:
        """When the delivery is sent to the DSP."""
        return self.starts_at + timedelta(seconds=self.sent_after)

    @property
    def finished_at(self) -> datetime:
        """When the outcome is reached."""
        return self.starts_at + timedelta(seconds=self.finished_after)

    def status_at(self, now: datetime) -> str:
        """Return the status at `now`."""
        elapsed = (now - self.starts_at).total_seconds()
        if elapsed < 0:
            return "pending"
        if elapsed < self.procesing_after:
            return "waiting"
        return "procesing" if elapsed < self.finished_after else self.outcome

    def changed_at(self, now: datetime) -> datetime | None:
        """Return the time of the last change up to `now`; None before the start."""
        moments = (0.0, self.sent_after, self.procesing_after, self.finished_after)
        past = [at for seconds in moments if (at := self.starts_at + timedelta(seconds=seconds)) <= now]
        return past[-1] if past else None


@dataclass(kw_only=True, slots=True)
class SendTask:
    """One product sent to one DSP; simulator lifetime.

    Attributes:
        task_id: The number of the task.
        sent_on_token: The UUID in `sent-on` until the task is sent.
        touched_at: When a client last wrote the task.
        course: The course of the delivery; None until it is deliverable.
        status_set: A status written by a client, which takes precedence over the course.
    """

    task_id: int
    delivery_type: str
    deliverable: bool
    product_id: int
    identification_id: int
    sent_on_token: str
    created_at: datetime
    touched_at: datetime
    course: Course | None = None
    status_set: str | None = None
    sent_on_behalf_of_name: str | None = None
    sent_on_behalf_of_dpid: str | None = None

    def status_at(self, now: datetime) -> str:
        """Return the status at `now`."""
        if self.status_set is not None:
            return self.status_set
        return self.course.status_at(now) if self.course else "pending"

    def sent_by(self, now: datetime) -> Course | None:
        """Return the course if the task was sent to the DSP by `now`, else None."""
        return self.course if self.course and self.course.sent_at <= now else None

    def updated_at(self, now: datetime) -> datetime:
        """Return the time of the last change up to `now`, by a client or by the course."""
        moved = self.course.changed_at(now) if self.course and self.status_set is None else None
        return max(self.touched_at, moved) if moved else self.touched_at


@dataclass(frozen=True, kw_only=True, slots=True)
class Product:
    """A product to deliver; simulator lifetime. `status` is "active" or "draft"."""

    product_id: int
    name: str
    status: str
    upc_code: str
    artist: str
    label: str
    production_year: int
    released_at: datetime
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class DspUploadIdentification:
    """A channel to a DSP; simulator lifetime."""

    identification_id: int
    name: str
    created_at: datetime


def send_task_resource(task: SendTask, now: datetime, base: str) -> Document:
    """Build the resource object of a send-task.

    Args:
        task: The send-task.
        now: The current time.
        base: The base URL of the resources, with /api/v1.
    """
    url = f"{base}/send-tasks/{task.task_id}"
    return {
        "type": "send-tasks",
        "id": str(task.task_id),
        "attributes": _send_task_attributes(task, now),
        "relationships": {name: related_links(url, name) for name in ("product", "dsp-upload-identification")},
        "links": {"self": url},
    }


def _send_task_attributes(task: SendTask, now: datetime) -> Document:
    sent = task.sent_by(now)
    return {
        "deliverable": task.deliverable,
        "delivery-type": task.delivery_type,
        "status": task.status_at(now),
        # The document shows no other.
        "priority": "normal",
        "send-date": sent.sent_at.strftime("%Y-%m-%d %H:%M:%S") if sent else None,
        "batch-id": sent.batch_id if sent else None,
        "ack-status-message": _acknowledgement(task, now),
        # Null in every sample.
        "sent-at": None,
        "packaged-by": None,
        "sent-by": None,
        "message-id": sent.message_id if sent else None,
        # 17 digits once it is sent, a UUID before (document: samples).
        "sent-on": sent.sent_at.strftime("%Y%m%d%H%M%S%f")[:17] if sent else task.sent_on_token,
        # In the samples null right after the creation; when it is set is assumed.
        "created-by": "robot" if sent else None,
        "sent-on-behalf-of-name": task.sent_on_behalf_of_name,
        "sent-on-behalf-of-dpid": task.sent_on_behalf_of_dpid,
        "created-at": _instant(task.created_at),
        "updated-at": _instant(task.updated_at(now)),
    }


def _acknowledgement(task: SendTask, now: datetime) -> Document | None:
    status = task.status_at(now)
    if task.sent_by(now) is None or status not in ("procesing", "completed", "error"):
        return None
    # The document shows FileOK only; the word of a failure is assumed.
    return {"FileStatus": ["FileRejected" if status == "error" else "FileOK"]}


def product_resource(product: Product, base: str) -> Document:
    """Build the resource object of a product; its createdAt and updatedAt are camelCase, not kebab-case."""
    url = f"{base}/products/{product.product_id}"
    # With links and no data, as on the vendor's page of products.
    names = ("company", "label", "product-type", "language", "offers")
    return {
        "type": "products",
        "id": str(product.product_id),
        "attributes": _product_attributes(product),
        "relationships": {name: related_links(url, name) for name in names},
        "links": {"self": url},
    }


def _product_attributes(product: Product) -> Document:
    credits_unknown = ("composer", "producer", "featuring", "remixer", "author", "lyricist", "performer", "arranger")
    return {
        "name": product.name,
        "is-compilation": False,
        "upc-code": product.upc_code,
        "copyright-line": f"{product.production_year} {product.label}",
        "production-line": f"{product.production_year} {product.label}",
        "production-year": product.production_year,
        "status": product.status,
        "cover-url": None,
        "release-date": _instant(product.released_at),
        "original-release-date": None,
        "mastered-by": None,
        "label-internal-reference": None,
        "subtitle": None,
        "front-cover-md5": None,
        "artist": [product.artist],
        **dict.fromkeys(credits_unknown),
        "orchestra": None,
        "director": None,
        "custom-data": None,
        "createdAt": _instant(product.created_at),
        "updatedAt": _instant(product.created_at),
    }


def identification_resource(identification: DspUploadIdentification, base: str) -> Document:
    """Build the resource object of a DSP upload identification; its attributes are undocumented and assumed."""
    url = f"{base}/dsp-upload-identifications/{identification.identification_id}"
    created = _instant(identification.created_at)
    return {
        "type": "dsp-upload-identifications",
        "id": str(identification.identification_id),
        "attributes": {"name": identification.name, "created-at": created, "updated-at": created},
        "relationships": {name: related_links(url, name) for name in ("dsp", "distributor")},
        "links": {"self": url},
    }


def _instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
