"""JSON:API documents of the simulated send-tasks API: resources, envelopes and errors, as in the vendor's samples."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from gateway.sandbox.deliveries.records import DspUploadIdentification, Product, SendTask

MEDIA_TYPE = "application/vnd.api+json"

Document = dict[str, Any]

_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    415: "Unsupported Media Type",
    422: "Unprocessable Entity",
}


class RefusalError(Exception):
    """A request was refused with JSON:API errors.

    Args:
        status: The HTTP status.
        errors: JSON:API error objects, at least one.
    """

    def __init__(self, status: int, errors: Sequence[Document]) -> None:
        super().__init__(f"{status}: {errors}")
        self.status = status
        self.errors = list(errors)


def error(
    status: int,
    detail: str | None = None,
    *,
    title: str | None = None,
    pointer: str | None = None,
    parameter: str | None = None,
) -> Document:
    """Build a JSON:API error object; members that are None are omitted.

    Args:
        status: The HTTP status.
        detail: The explanation of the error.
        title: The default is the usual title of the status.
        pointer: JSON pointer to the member of the request body.
        parameter: The query parameter family, filter or page.

    Returns:
        The object, with its keys in the order of the vendor's sample.
    """
    source = {"pointer": pointer} if pointer else {"parameter": parameter} if parameter else None
    parts = {"detail": detail, "source": source, "status": str(status), "title": title or _TITLES[status]}
    return {name: part for name, part in parts.items() if part is not None}


def refusal(
    status: int,
    detail: str | None = None,
    *,
    title: str | None = None,
    pointer: str | None = None,
    parameter: str | None = None,
) -> RefusalError:
    """Build a RefusalError with one error object; the arguments are those of `error`."""
    return RefusalError(status, [error(status, detail, title=title, pointer=pointer, parameter=parameter)])


def error_document(errors: Sequence[Document]) -> Document:
    """Build the document for these error objects."""
    return {"jsonapi": {"version": "1.0"}, "errors": list(errors)}


def single_document(data: Document, links: Document) -> Document:
    """Build the document for one resource or identifier."""
    return {"data": data, "jsonapi": {"version": "1.0"}, "links": links}


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
        "priority": "normal",
        "send-date": sent.sent_at.strftime("%Y-%m-%d %H:%M:%S") if sent else None,
        "batch-id": sent.batch_id if sent else None,
        "ack-status-message": _acknowledgement(task, now),
        "sent-at": None,
        "packaged-by": None,
        "sent-by": None,
        "message-id": sent.message_id if sent else None,
        "sent-on": sent.sent_at.strftime("%Y%m%d%H%M%S%f")[:17] if sent else task.sent_on_token,
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
    return {"FileStatus": ["FileRejected" if status == "error" else "FileOK"]}


def product_resource(product: Product, base: str) -> Document:
    """Build the resource object of a product; its createdAt and updatedAt are camelCase, not kebab-case."""
    url = f"{base}/products/{product.product_id}"
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


def related_links(url: str, name: str) -> Document:
    """Build a relationship object with links only."""
    return {"links": {"related": f"{url}/{name}", "self": f"{url}/relationships/{name}"}}


def _instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
