"""Filters and pages of the lists in the simulated send-tasks API."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from gateway.sandbox.deliveries.jsonapi import Document, refusal
from gateway.sandbox.deliveries.records import SendTask
from gateway.sandbox.options import CommaList

_PARAMETER = re.compile(r"(filter|page)\[([^\]]*)\]")
FILTERS = frozenset(
    {
        "id",
        "product-id",
        "status",
        "delivery-type",
        "dsp-upload-identification-id",
        "created-at-gte",
        "created-at-lte",
    }
)
_PAGE_PARTS = frozenset({"number", "size"})
_DATE_LENGTH = len("2024-12-31")

_Record = TypeVar("_Record")

Test = Callable[[SendTask], bool]


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


def parsed_query(
    parameters: Iterable[tuple[str, str]], *, filters: frozenset[str], default_size: int, max_size: int
) -> ListQuery:
    """Parse the query of a list request.

    Args:
        parameters: Decoded names and values.
        filters: The filters that the list supports.
        default_size: The page size if the request names none.
        max_size: Larger page sizes are reduced to this.

    Raises:
        RefusalError: 400 for an undocumented parameter or an invalid value.
    """
    families: dict[str, dict[str, str]] = {"filter": {}, "page": {}}
    for name, value in parameters:
        match = _PARAMETER.fullmatch(name)
        allowed = {"filter": filters, "page": _PAGE_PARTS}.get(match[1], frozenset()) if match else frozenset()
        if match is None or match[2] not in allowed:
            raise _bad_parameter(name)
        families[match[1]][match[2]] = value
    return ListQuery(
        filters=families["filter"],
        number=_whole_number(families["page"], "number", 1),
        size=min(_whole_number(families["page"], "size", default_size), max_size),
    )


def matching(
    tasks: Iterable[SendTask], filters: dict[str, str], now: datetime, comma_list: CommaList
) -> list[SendTask]:
    """Return the send-tasks that match all filters, in their order.

    Args:
        tasks: All send-tasks.
        filters: Values by filter name.
        now: The time at which statuses are compared.
        comma_list: How `filter[id]=1,2` is read: as several ids, as an error, or as the first id only.

    Raises:
        RefusalError: 400 for an invalid date, or for a comma list if `comma_list` is "refuse".
    """
    tests = [_test(name, value, now, comma_list) for name, value in filters.items()]
    return [task for task in tasks if all(test(task) for test in tests)]


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
    last = max(1, -(-len(found) // query.size))
    return {
        "data": [resource(record) for record in page],
        "meta": {
            "page": {
                "currentPage": query.number,
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
    filters = "".join(f"filter[{name}]={value}&" for name, value in query.filters.items())
    return {
        name: f"{url}?{filters}page[number]={number}&page[size]={query.size}"
        for name, number in pages.items()
        if 1 <= number <= last
    }


def _test(name: str, value: str, now: datetime, comma_list: CommaList) -> Test:
    match name:
        case "id":
            ids = _ids(value, comma_list)
            return lambda task: str(task.task_id) in ids
        case "product-id":
            return lambda task: str(task.product_id) == value
        case "dsp-upload-identification-id":
            return lambda task: str(task.identification_id) == value
        case "status":
            return lambda task: task.status_at(now) == value
        case "delivery-type":
            return lambda task: task.delivery_type == value
        case "created-at-gte":
            earliest = _instant(name, value)
            return lambda task: task.created_at >= earliest
        case _:
            return _created_by(_instant(name, value), whole_day=len(value) == _DATE_LENGTH)


def _created_by(latest: datetime, *, whole_day: bool) -> Test:
    # Whether a date without a time includes its whole day is undocumented; the sample's 2024-12-31 suggests it.
    if whole_day:
        return lambda task: task.created_at.date() <= latest.date()
    return lambda task: task.created_at <= latest


def _ids(value: str, comma_list: CommaList) -> frozenset[str]:
    ids = value.split(",")
    if len(ids) > 1 and comma_list == "refuse":
        raise refusal(400, "Filter parameter id takes one value.", title="Invalid Query Parameter", parameter="filter")
    return frozenset(ids[:1] if comma_list == "ignore" else ids)


def _instant(name: str, value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise refusal(
            400, f"Filter parameter {name} must be a date.", title="Invalid Query Parameter", parameter="filter"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _whole_number(page: dict[str, str], part: str, default: int) -> int:
    value = page.get(part, str(default))
    if not value.isascii() or not value.isdigit() or int(value) < 1:
        raise refusal(
            400,
            f"Page parameter {part} must be a number from 1.",
            title="Invalid Query Parameter",
            parameter="page",
        )
    return int(value)


def _bad_parameter(name: str) -> Exception:
    family, _, rest = name.partition("[")
    shown = rest.removesuffix("]") or name
    return refusal(
        400,
        f"{family.capitalize()} parameter {shown} is not allowed.",
        title="Invalid Query Parameter",
        parameter=family,
    )
