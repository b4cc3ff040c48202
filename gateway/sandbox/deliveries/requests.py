"""Parse the requests of the simulated send-tasks API: the bodies of POST and PATCH, and the query of a list."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import orjson

from gateway.sandbox.deliveries.jsonapi import Document, ListQuery, RefusalError, error, refusal
from gateway.sandbox.deliveries.records import DELIVERY_TYPES, STATUSES, SendTask
from gateway.sandbox.deliveries.store import NewSendTask, SendTaskChange
from gateway.sandbox.options import CommaList

_TYPE = "send-tasks"
_NON_COMPLIANT = "Non-Compliant JSON:API Document"
_RELATED_TYPES = {"product": "products", "dsp-upload-identification": "dsp-upload-identifications"}

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

Test = Callable[[SendTask], bool]


def new_send_task(body: bytes) -> NewSendTask:
    """Parse the body of a POST.

    Args:
        body: The request body.

    Returns:
        The members of the new send-task.

    Raises:
        RefusalError: 400 if it is no JSON:API document, 403 for a client-generated id, 409 for another type, 422 with
            an error for each invalid field.
    """
    data = _data(body)
    if "id" in data:
        # JSON:API bids 403 where a server takes no ids of clients.
        raise refusal(403, f"Resource type {_TYPE} takes no ids of clients.", title="Not Supported", pointer="/data/id")
    attributes, relationships = _member(data, "attributes"), _member(data, "relationships")
    errors = [
        *_deliverable_errors(attributes, required=True),
        *_word_errors(attributes, "delivery-type", DELIVERY_TYPES, required=True),
        *_text_errors(attributes, "sent-on-behalf-of-name"),
        *_text_errors(attributes, "sent-on-behalf-of-dpid"),
        *(found for name in _RELATED_TYPES for found in _relationship_errors(relationships, name)),
    ]
    if errors:
        raise RefusalError(422, errors)
    return NewSendTask(
        deliverable=attributes["deliverable"],
        delivery_type=attributes["delivery-type"],
        product_id=relationships["product"]["data"]["id"],
        identification_id=relationships["dsp-upload-identification"]["data"]["id"],
        sent_on_behalf_of_name=attributes.get("sent-on-behalf-of-name"),
        sent_on_behalf_of_dpid=attributes.get("sent-on-behalf-of-dpid"),
    )


def send_task_change(body: bytes, task_id: str) -> SendTaskChange:
    """Parse the body of a PATCH; undocumented attributes are ignored.

    Args:
        body: The request body.
        task_id: The id in the path, which the body must repeat.

    Returns:
        The members to change.

    Raises:
        RefusalError: 400 if it is no JSON:API document, 409 for another type or id, 422 with an error for each invalid
            field.
    """
    data = _data(body)
    if "id" not in data:
        raise refusal(400, "The member id is required.", title=_NON_COMPLIANT, pointer="/data")
    if data["id"] != task_id:
        # JSON:API bids 409 where type or id are not those of the endpoint.
        raise refusal(409, f"The body's id is not {task_id}.", title="Not Supported", pointer="/data/id")
    attributes = _member(data, "attributes")
    errors = [
        *_deliverable_errors(attributes, required=False),
        *_word_errors(attributes, "delivery-type", DELIVERY_TYPES, required=False),
        *_word_errors(attributes, "status", STATUSES, required=False),
    ]
    if errors:
        raise RefusalError(422, errors)
    return SendTaskChange(
        deliverable=attributes.get("deliverable"),
        delivery_type=attributes.get("delivery-type"),
        status=attributes.get("status"),
    )


def _data(body: bytes) -> Document:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise refusal(400, "The request body is no JSON.", title="Invalid JSON") from None
    if not isinstance(document, dict) or not isinstance(document.get("data"), dict):
        raise refusal(400, "The member data is required.", title=_NON_COMPLIANT, pointer="/")
    data: Document = document["data"]
    if "type" not in data:
        raise refusal(400, "The member type is required.", title=_NON_COMPLIANT, pointer="/data")
    if data["type"] != _TYPE:
        raise refusal(409, f"This endpoint takes {_TYPE} only.", title="Not Supported", pointer="/data/type")
    return data


def _member(data: Document, name: str) -> Document:
    member: Any = data.get(name, {})
    if not isinstance(member, dict):
        raise refusal(400, f"The member {name} must be an object.", title=_NON_COMPLIANT, pointer=f"/data/{name}")
    return member


def _deliverable_errors(attributes: Document, *, required: bool) -> list[Document]:
    return _field_errors(
        attributes,
        "deliverable",
        "The deliverable field must be true or false.",
        fits=isinstance(attributes.get("deliverable"), bool),
        required=required,
    )


def _word_errors(attributes: Document, name: str, words: tuple[str, ...], *, required: bool) -> list[Document]:
    return _field_errors(
        attributes, name, f"The selected {name} is invalid.", fits=attributes.get(name) in words, required=required
    )


def _text_errors(attributes: Document, name: str) -> list[Document]:
    fits = isinstance(attributes.get(name), str | None)
    return _field_errors(attributes, name, f"The {name} field must be a string.", fits=fits, required=False)


def _field_errors(attributes: Document, name: str, wrong: str, *, fits: bool, required: bool) -> list[Document]:
    pointer = f"/data/attributes/{name}"
    if name in attributes:
        # The document shows the text of a missing field; the others are Laravel's.
        return [] if fits else [error(422, wrong, pointer=pointer)]
    return [error(422, f"The {name} field is required.", pointer=pointer)] if required else []


def _relationship_errors(relationships: Document, name: str) -> list[Document]:
    pointer = f"/data/relationships/{name}"
    if name not in relationships:
        return [error(422, f"The {name} field is required.", pointer=pointer)]
    relationship = relationships[name]
    identifier = relationship.get("data") if isinstance(relationship, dict) else None
    expected = _RELATED_TYPES[name]
    fits = isinstance(identifier, dict) and identifier.get("type") == expected and isinstance(identifier.get("id"), str)
    return [] if fits else [error(422, f"The {name} field must identify one of {expected}.", pointer=pointer)]


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
            # include, sort and fields as well: no page of the vendor names them, and Laravel JSON:API refuses what is
            # not set up.
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
    # The dates in the document's filters have no zone, and its instants are UTC.
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _whole_number(page: dict[str, str], part: str, default: int) -> int:
    value = page.get(part, str(default))
    # `isdigit` alone is true of "²", which `int` rejects.
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
