from typing import Any, Final

import pytest

from tests.contract import documents
from tests.contract.operations import NoWayOut, context_over, execute, replaced

Place = tuple[str | int, ...]

NOT_AN_ID: Final = "Product:7"
LONG: Final = "x" * 71
PRICE: Final = ("tasks", 0, "price")
TASK_WINDOW: Final = ("tasks", 0, "pickup", "timeWindow")

REFUSED_TASKS: Final[list[tuple[Place, object, Place]]] = [
    ((*PRICE, "amount"), "2.000001", PRICE),
    ((*PRICE, "amount"), "1.99", PRICE),
    ((*PRICE, "amount"), "-2", PRICE),
    ((*PRICE, "amount"), "99999999999999", PRICE),
    ((*PRICE, "currency"), "SGX", PRICE),
    ((*PRICE, "currency"), "", PRICE),
    ((*PRICE, "currency"), "sgd", PRICE),
    ((*TASK_WINDOW, "start"), "2030-01-02T11:00:00+08:00", TASK_WINDOW),
    ((*TASK_WINDOW, "end"), "2030-01-02T10:00:01+08:00", ("tasks", 0, "dropoff", "timeWindow")),
    (
        TASK_WINDOW,
        {"start": "2030-01-01T11:00:00Z", "end": "2030-01-01T12:00:00Z"},
        (*TASK_WINDOW, "end"),
    ),
    (
        ("tasks", 0, "dropoff", "timeWindow", "end"),
        "2030-01-02T09:00:00+08:00",
        ("tasks", 0, "dropoff", "timeWindow"),
    ),
    (("tasks", 0, "pickup", "address", "latitude"), 90.5, ("tasks", 0, "pickup", "address", "latitude")),
    (("tasks", 0, "dropoff", "address", "longitude"), -181, ("tasks", 0, "dropoff", "address", "longitude")),
    (("tasks", 0, "pickup", "contact", "email"), "mei", ("tasks", 0, "pickup", "contact", "email")),
    (("tasks", 0, "cargoNetQuantity"), -1, ("tasks", 0, "cargoNetQuantity")),
    (("tasks", 0, "items", 0, "quantity"), -1, ("tasks", 0, "items", 0, "quantity")),
    (("tasks", 0, "items", 0, "name"), " ", ("tasks", 0, "items", 0, "name")),
    (("tasks", 0, "items", 0, "attributes"), [1], ("tasks", 0, "items", 0, "attributes")),
    (("tasks", 0, "broadcastPreference"), "UNKNOWN", ("tasks", 0, "broadcastPreference")),
    (("tasks", 0, "vehiclePreference"), "UNKNOWN", ("tasks", 0, "vehiclePreference")),
    (("tasks", 0, "organizationId"), NOT_AN_ID, ("tasks", 0, "organizationId")),
    (("tasks",), [], ("tasks",)),
]

REFUSED_TASK_CHANGES: Final[list[tuple[Place, object, Place]]] = [
    (("id",), NOT_AN_ID, ("id",)),
    (("input", "versionRev"), "", ("input", "versionRev")),
    (("input",), {"versionRev": "0-0a0a0a0a"}, ("input",)),
    (("input",), {"versionRev": "0-0a0a0a0a", "price": None, "epod": None}, ("input",)),
    (("input", "price"), {"amount": "1.000001", "currency": "SGD"}, ("input", "price")),
    (("input", "minPrice", "amount"), "-1", ("input", "minPrice")),
    (("input", "adminFee", "currency"), "EUR", ("input", "adminFee")),
    (("input", "pickup", "timeWindow", "end"), "2030-01-02T11:00:00+08:00", ("input", "dropoff", "timeWindow")),
    (("input", "officerContact", "email"), "tan@", ("input", "officerContact", "email")),
    (("input", "cargoNetQuantity"), -1, ("input", "cargoNetQuantity")),
    (("input", "totalItemWeight"), -0.5, ("input", "totalItemWeight")),
    (("input", "totalItemVolume"), -0.5, ("input", "totalItemVolume")),
    (("input", "totalItemQuantity"), -1, ("input", "totalItemQuantity")),
    (("input", "broadcastPreference"), "UNKNOWN", ("input", "broadcastPreference")),
    (("input", "vehiclePreference"), "UNKNOWN", ("input", "vehiclePreference")),
    (("input", "epod"), "signed", ("input", "epod")),
]

RECIPIENT: Final = ("input", "messages", 0, "recipients", 0)
REFUSED_JOBS: Final[list[tuple[Place, object, Place]]] = [
    (("input", "messages"), [], ("input", "messages")),
    (("input", "messages", 0, "recipients"), [], ("input", "messages", 0, "recipients")),
    (("input", "messages", 0, "recipients"), [{"destination": "+4989"}] * 3001, ("input", "messages")),
    (("input", "messages", 0, "text"), "", ("input", "messages", 0, "text")),
    ((*RECIPIENT, "destination"), "", (*RECIPIENT, "destination")),
    ((*RECIPIENT, "customerRef"), LONG, (*RECIPIENT, "customerRef")),
    (
        (*RECIPIENT, "blackoutPeriods"),
        [{"start": "2030-01-02T08:00:00Z", "end": "2030-01-02T08:00:00Z"}],
        (*RECIPIENT, "blackoutPeriods", 0),
    ),
    (("input", "messages", 0, "text"), "a" * 3061, ("input", "messages", 0, "text")),
    (("input", "messages", 0, "text"), "€" * 1521, ("input", "messages", 0, "text")),
    (("input", "messages", 0, "text"), "ł" * 1341, ("input", "messages", 0, "text")),
    (("input", "messages", 0, "text"), "\U0001f600" * 661, ("input", "messages", 0, "text")),
    (("input", "options", "source"), "more than eleven", ("input", "options", "source")),
    (("input", "options", "source"), "", ("input", "options", "source")),
    (("input", "options", "source"), "+" + "1" * 21, ("input", "options", "source")),
    (("input", "options", "source"), "Päckchen", ("input", "options", "source")),
    (("input", "options", "encoding"), "UNKNOWN", ("input", "options", "encoding")),
    (("input", "options", "qos"), "UNKNOWN", ("input", "options", "qos")),
    (("input", "options", "billcode"), LONG, ("input", "options", "billcode")),
    (("input", "options", "customerRef"), "x" * 193, ("input", "options", "customerRef")),
    (("input", "options", "customerRef"), "ä" + "x" * 70, ("input", "options", "customerRef")),
    (
        ("input", "options", "blackoutPeriods", 0, "end"),
        "2030-01-02T21:00:00Z",
        ("input", "options", "blackoutPeriods", 0),
    ),
    (("input", "regarding"), "1", ("input", "regarding")),
    (("input", "regarding"), "Product:7", ("input", "regarding")),
]

REFUSED_DELIVERIES: Final[list[tuple[Place, object, Place]]] = [
    (("input", "type"), "UNKNOWN", ("input", "type")),
    (("input", "productId"), "Delivery:1", ("input", "productId")),
    (("input", "productId"), "", ("input", "productId")),
    (("input", "dspUploadIdentificationId"), "Product:7", ("input", "dspUploadIdentificationId")),
]

REFUSED_DELIVERY_CHANGES: Final[list[tuple[Place, object, Place]]] = [
    (("id",), NOT_AN_ID, ("id",)),
    (("input",), {}, ("input",)),
    (("input", "type"), "UNKNOWN", ("input", "type")),
    (("input", "status"), "UNKNOWN", ("input", "status")),
]

REFUSED_OTHERS: Final[list[tuple[str, dict[str, Any], Place]]] = [
    (documents.CANCEL_DELIVERY, {"id": NOT_AN_ID}, ("id",)),
    (documents.CANCEL_TASK, {"id": NOT_AN_ID, "reason": "x"}, ("id",)),
    (documents.CANCEL_TASK, {"id": "task-1", "reason": " "}, ("reason",)),
    (documents.BROADCAST, {"ids": []}, ("ids",)),
    (documents.BROADCAST, {"ids": ["task-1", NOT_AN_ID]}, ("ids", 1)),
    (documents.BROADCAST_WITH_TRACKING, {"tasks": []}, ("tasks",)),
    (documents.SET_TRACKING_IDS, {"tasks": []}, ("tasks",)),
    (documents.SET_TRACKING_IDS, {"tasks": [{"taskId": NOT_AN_ID, "trackingId": "T"}]}, ("tasks", 0, "taskId")),
    (documents.SET_TRACKING_IDS, {"tasks": [{"taskId": "task-1", "trackingId": ""}]}, ("tasks", 0, "trackingId")),
    (documents.CREATE_ORGANIZATION, {"businessName": " "}, ("businessName",)),
    (documents.INVITE_USER, documents.INVITATION | {"email": "mei example.com"}, ("email",)),
    (documents.INVITE_USER, documents.INVITATION | {"organizationId": NOT_AN_ID}, ("organizationId",)),
    (documents.INVITE_USER, documents.INVITATION | {"roleId": ""}, ("roleId",)),
]

REFUSED: Final[list[tuple[str, dict[str, Any], Place]]] = [
    *((documents.CREATE_TASKS, replaced(documents.TASKS, *case[:2]), case[2]) for case in REFUSED_TASKS),
    *((documents.UPDATE_TASK, replaced(documents.TASK_CHANGE, *case[:2]), case[2]) for case in REFUSED_TASK_CHANGES),
    *((documents.SEND_SMS, replaced(documents.JOB, *case[:2]), case[2]) for case in REFUSED_JOBS),
    *((documents.CREATE_DELIVERY, replaced(documents.DELIVERY, *case[:2]), case[2]) for case in REFUSED_DELIVERIES),
    *(
        (documents.UPDATE_DELIVERY, replaced(documents.DELIVERY_CHANGE, *case[:2]), case[2])
        for case in REFUSED_DELIVERY_CHANGES
    ),
    *REFUSED_OTHERS,
]


@pytest.mark.parametrize(("document", "variables", "path"), REFUSED)
async def test_bad_input_is_refused_with_the_path_to_it_before_any_call(
    document: str, variables: dict[str, Any], path: Place
) -> None:
    result = await execute(document, variables, context_over(NoWayOut()))

    assert result.errors is None
    assert result.data is not None
    (error,) = result.data["answer"].pop("errors")
    assert (error["__typename"], error["path"]) == ("InvalidInput", [str(step) for step in path])
    assert error["retryable"] is False
    assert list(result.data["answer"].values()) == [None]


async def test_regarding_is_refused_together_with_a_reference_of_the_jobs_own() -> None:
    options = {"customerRef": "mine"}
    variables = {"input": documents.JOB["input"] | {"options": options, "regarding": "Delivery:1"}}

    result = await execute(documents.SEND_SMS, variables, context_over(NoWayOut()))

    assert result.data is not None
    (error,) = result.data["answer"]["errors"]
    assert (error["__typename"], error["path"]) == ("InvalidInput", ["input", "regarding"])
