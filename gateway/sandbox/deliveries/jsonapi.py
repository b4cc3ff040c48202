"""JSON:API documents of the simulated send-tasks API: envelopes, pages and errors, as in the vendor's samples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

MEDIA_TYPE = "application/vnd.api+json"

Document = dict[str, Any]

_Record = TypeVar("_Record")

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


@dataclass(frozen=True, kw_only=True, slots=True)
class ListQuery:
    """The filters and the page of a list request, checked.

    Attributes:
        filters: Values by filter name.
        number: The page number, from 1.
        size: Records on a page.
    """

    filters: dict[str, str]
    number: int
    size: int


def page_document(
    found: Sequence[_Record], query: ListQuery, resource: Callable[[_Record], Document], url: str
) -> Document:
    """Build the document of one page, with page numbers and links.

    Args:
        found: All records that match the filters.
        query: The filters, for the links, and the page.
        resource: Builds the resource object of a record.
        url: The URL of the list, without a query.
    """
    start = (query.number - 1) * query.size
    page = found[start : start + query.size]
    # An empty list has one page, as in Laravel JSON:API.
    last = max(1, -(-len(found) // query.size))
    return {
        "data": [resource(record) for record in page],
        "meta": {
            "page": {
                "currentPage": query.number,
                # An empty page goes from 0 to 0, as in Laravel JSON:API, which the vendor's documents resemble.
                "from": start + 1 if page else 0,
                "lastPage": last,
                "perPage": query.size,
                "to": start + len(page) if page else 0,
                "total": len(found),
            }
        },
        "jsonapi": {"version": "1.0"},
        "links": _links(query, last, url),
    }


def _links(query: ListQuery, last: int, url: str) -> dict[str, str]:
    pages = {"first": 1, "last": last, "prev": query.number - 1, "next": query.number + 1}
    filters = "".join(f"filter[{name}]={quote(value, safe='')}&" for name, value in query.filters.items())
    return {
        # Brackets are not percent-encoded, as in the document's sample.
        name: f"{url}?{filters}page[number]={number}&page[size]={query.size}"
        for name, number in pages.items()
        # No prev on the first page, no next on the last, as in Laravel JSON:API; the sample has one page, and neither.
        if 1 <= number <= last
    }


def related_links(url: str, name: str) -> Document:
    """Build a relationship object with links only."""
    return {"links": {"related": f"{url}/{name}", "self": f"{url}/relationships/{name}"}}
