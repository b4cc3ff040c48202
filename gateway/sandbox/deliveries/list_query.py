"""Filters and pages of the simulated send-tasks API's lists."""

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
    """A client's filters and page, checked; a value.

    Attributes:
        filters: Values by the name of the filter.
        number: The page, from 1.
        size: Tasks a page.
    """

    filters: dict[str, str]
    number: int
    size: int


def parsed_query(
    parameters: Iterable[tuple[str, str]], *, filters: frozenset[str], default_size: int, max_size: int
) -> ListQuery:
    """Read the query of a list.

    Args:
        parameters: Names and values, decoded.
        filters: The filters that the list has.
        default_size: The page size where none is asked for.
        max_size: A larger page is cut down to this.

    Returns:
        The filters and the page.

    Raises:
        RefusalError: 400 for a parameter that is not documented or has no fitting value.
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
    """Find the send-tasks that pass all filters.

    Args:
        tasks: All there are.
        filters: Values by the name of the filter.
        now: The time, at which statuses are compared.
        comma_list: What `filter[id]=1,2` does: several ids, a refusal, or the first id alone.

    Returns:
        Those that pass, in their order.

    Raises:
        RefusalError: 400 for a date that is none, or for a comma list where those are refused.
    """
    tests = [_test(name, value, now, comma_list) for name, value in filters.items()]
    return [task for task in tasks if all(test(task) for test in tests)]


def page_document(
    found: Sequence[_Record], query: ListQuery, resource: Callable[[_Record], Document], url: str
) -> Document:
    """Build one page of a list, with its numbers and links.

    Args:
        found: All records that pass the filters.
        query: The filters, for the links, and the page.
        resource: Builds the resource object of a record.
        url: The URL of the list, without a query.

    Returns:
        The document.
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
    # Whether a bare date takes in its whole day is documented nowhere; the sample's 2024-12-31 for a year suggests it.
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
