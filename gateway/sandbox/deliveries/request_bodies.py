"""Parse the request bodies of the simulated send-tasks API and check their form."""

from typing import Any

import orjson

from gateway.sandbox.deliveries.jsonapi import Document, RefusalError, error, refusal
from gateway.sandbox.deliveries.records import DELIVERY_TYPES, STATUSES
from gateway.sandbox.deliveries.store import NewSendTask, SendTaskChange

_TYPE = "send-tasks"
_NON_COMPLIANT = "Non-Compliant JSON:API Document"
_RELATED_TYPES = {"product": "products", "dsp-upload-identification": "dsp-upload-identifications"}


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
