"""All that is wrong with a mutation's input is told at once, before any call."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from resolvers.errors import BadInput
from schema.inputs.checks import MAX_REFUSALS, Refusals
from tests.contract import documents
from tests.contract.operations import NoWayOut, context_over, execute, replaced

Place = tuple[str | int, ...]

NOT_AN_ID: Final = "SmsJob:7"
TASK: Final = ("tasks", 0)
MESSAGE: Final = ("input", "messages", 0)
RECIPIENT: Final = (*MESSAGE, "recipients", 0)
OPTIONS: Final = ("input", "options")

BAD_TASK: Final[list[tuple[Place, object]]] = [
    ((*TASK, "pickup", "address", "latitude"), 91),
    ((*TASK, "pickup", "address", "longitude"), 181),
    ((*TASK, "pickup", "contact", "email"), "mei"),
    ((*TASK, "dropoff", "address", "latitude"), -91),
    ((*TASK, "dropoff", "timeWindow"), {"start": "2030-01-02T12:00:00Z", "end": "2030-01-02T11:00:00Z"}),
    ((*TASK, "broadcastPreference"), "UNKNOWN"),
    ((*TASK, "vehiclePreference"), "UNKNOWN"),
    ((*TASK, "cargoNetQuantity"), -1),
    ((*TASK, "organizationId"), NOT_AN_ID),
    ((*TASK, "price"), {"amount": "1", "currency": "SGD"}),
    ((*TASK, "items", 0, "name"), ""),
    ((*TASK, "items", 0, "quantity"), -1),
    ((*TASK, "items", 0, "attributes"), "fragile"),
]
BAD_TASK_CHANGE: Final[list[tuple[Place, object]]] = [
    (("id",), NOT_AN_ID),
    (("input", "versionRev"), " "),
    (("input", "pickup", "address", "latitude"), 91),
    (("input", "dropoff", "contact", "email"), "tan"),
    (("input", "officerContact", "email"), "tan"),
    (("input", "broadcastPreference"), "UNKNOWN"),
    (("input", "vehiclePreference"), "UNKNOWN"),
    (("input", "price"), {"amount": "-1", "currency": "SGD"}),
    (("input", "cargoNetQuantity"), -1),
    (("input", "organizationId"), NOT_AN_ID),
    (("input", "minPrice"), {"amount": "1", "currency": "EUR"}),
    (("input", "adminFee"), {"amount": "0.000001", "currency": "SGD"}),
    (("input", "totalItemWeight"), -1),
    (("input", "totalItemVolume"), -1),
    (("input", "totalItemQuantity"), -1),
    (("input", "epod"), "signed"),
]
BAD_JOB: Final[list[tuple[Place, object]]] = [
    (("input", "regarding"), NOT_AN_ID),
    ((*MESSAGE, "text"), ""),
    ((*RECIPIENT, "destination"), ""),
    ((*RECIPIENT, "customerRef"), "x" * 71),
    ((*OPTIONS, "source"), ""),
    ((*OPTIONS, "encoding"), "UNKNOWN"),
    ((*OPTIONS, "billcode"), "x" * 71),
    ((*OPTIONS, "customerRef"), "x" * 193),
    ((*OPTIONS, "qos"), "UNKNOWN"),
    ((*OPTIONS, "blackoutPeriods", 0), {"start": "2030-01-02T08:00:00Z", "end": "2030-01-02T08:00:00Z"}),
]
BAD_DELIVERY: Final[list[tuple[Place, object]]] = [
    (("input", "type"), "UNKNOWN"),
    (("input", "productId"), NOT_AN_ID),
    (("input", "dspUploadIdentificationId"), NOT_AN_ID),
]
BAD_DELIVERY_CHANGE: Final[list[tuple[Place, object]]] = [
    (("id",), NOT_AN_ID),
    (("input", "type"), "UNKNOWN"),
    (("input", "status"), "UNKNOWN"),
]
BAD_INVITATION: Final[list[tuple[Place, object]]] = [
    (("email",), "mei"),
    (("organizationId",), NOT_AN_ID),
    (("roleId",), NOT_AN_ID),
]
BAD_CANCELLATION: Final[list[tuple[Place, object]]] = [(("id",), NOT_AN_ID), (("reason",), " ")]
BAD_DRAFTS: Final[list[tuple[Place, object]]] = [(("ids", 0), NOT_AN_ID), (("ids", 2), NOT_AN_ID)]
BAD_TRACKED: Final[list[tuple[Place, object]]] = [
    (("tasks", 0, "taskId"), NOT_AN_ID),
    (("tasks", 0, "trackingId"), ""),
    (("tasks", 1, "trackingId"), ""),
]
TWO_TRACKED: Final = {"tasks": documents.TRACKED["tasks"] * 2}


async def refusals(document: str, variables: dict[str, Any]) -> list[dict[str, Any]]:
    result = await execute(document, variables, context_over(NoWayOut()))
    assert result.errors is None
    assert result.data is not None
    errors: list[dict[str, Any]] = result.data["answer"]["errors"]
    assert {error["__typename"] for error in errors} == {"InvalidInput"}
    return errors


@pytest.mark.parametrize(
    ("document", "variables", "wrong"),
    [
        pytest.param(documents.CREATE_TASKS, documents.TASKS, BAD_TASK, id="a task to create"),
        pytest.param(documents.UPDATE_TASK, documents.TASK_CHANGE, BAD_TASK_CHANGE, id="a task to change"),
        pytest.param(documents.CANCEL_TASK, documents.CANCELLATION, BAD_CANCELLATION, id="a task to cancel"),
        pytest.param(documents.BROADCAST, {"ids": ["a", "b", "c"]}, BAD_DRAFTS, id="drafts to broadcast"),
        pytest.param(documents.BROADCAST_WITH_TRACKING, TWO_TRACKED, BAD_TRACKED, id="drafts with tracking ids"),
        pytest.param(documents.SET_TRACKING_IDS, TWO_TRACKED, BAD_TRACKED, id="tracking ids"),
        pytest.param(documents.SEND_SMS, documents.JOB, BAD_JOB, id="a job"),
        pytest.param(documents.CREATE_DELIVERY, documents.DELIVERY, BAD_DELIVERY, id="a delivery to create"),
        pytest.param(documents.UPDATE_DELIVERY, documents.DELIVERY_CHANGE, BAD_DELIVERY_CHANGE, id="one to change"),
        pytest.param(documents.INVITE_USER, documents.INVITATION, BAD_INVITATION, id="an invitation"),
    ],
)
async def test_all_that_is_wrong_is_refused_at_once_each_with_its_path(
    document: str, variables: dict[str, Any], wrong: list[tuple[Place, object]]
) -> None:
    for place, value in wrong:
        variables = replaced(variables, place, value)

    errors = await refusals(document, variables)

    assert [error["path"] for error in errors] == [[str(step) for step in place] for place, _ in wrong]


async def test_the_same_wrong_value_is_refused_once_for_its_first_fault() -> None:
    variables = replaced(documents.TASKS, ("tasks", 0, "price"), {"amount": "-2", "currency": "SGD"})

    (error,) = await refusals(documents.CREATE_TASKS, variables)

    assert error["message"] == "-2 is negative; an amount must be 0 or more."


async def test_every_item_of_a_list_is_looked_at() -> None:
    good, bad = documents.TASKS["tasks"][0], {**documents.TASKS["tasks"][0], "cargoNetQuantity": -1}

    errors = await refusals(documents.CREATE_TASKS, {"tasks": [bad, good, bad, bad]})

    assert [error["path"][1] for error in errors] == ["0", "2", "3"]


@pytest.mark.parametrize("count", [MAX_REFUSALS, MAX_REFUSALS + 1, 3000])
async def test_no_more_is_told_than_anybody_reads(count: int) -> None:
    recipients = [{"destination": ""}] * count
    variables = {"input": {"messages": [{"text": "", "recipients": recipients}], "options": {"source": ""}}}

    errors = await refusals(documents.SEND_SMS, variables)

    assert len(errors) == MAX_REFUSALS
    assert errors[0]["path"] == ["input", "messages", "0", "text"]


async def test_a_list_that_is_too_long_is_not_looked_at_item_by_item() -> None:
    recipients = [{"destination": ""}] * 3001
    variables = {"input": {"messages": [{"text": "", "recipients": recipients}], "options": {"source": ""}}}

    errors = await refusals(documents.SEND_SMS, variables)

    assert [error["path"] for error in errors] == [["input", "messages"], ["input", "options", "source"]]


def refuse(number: int) -> int:
    raise BadInput(f"{number} is wrong.", path=[number])


def refused_by(block: Callable[[Refusals], None]) -> list[str]:
    """The messages of what a block of checks refuses."""
    try:
        with Refusals() as checked:
            block(checked)
    except BadInput as refusal:
        return [one.message for one in (refusal, *refusal.also)]
    return []


def test_checks_end_once_enough_is_refused() -> None:
    looked_at = []

    def block(checked: Refusals) -> None:
        for number in range(1000):
            looked_at.append(number)
            checked(refuse, number)

    assert refused_by(block) == [f"{number} is wrong." for number in range(MAX_REFUSALS)]
    assert len(looked_at) == MAX_REFUSALS


def test_what_ends_the_block_is_told_with_what_was_refused_before() -> None:
    def block(checked: Refusals) -> None:
        checked(refuse, 1)
        refuse(2)

    assert refused_by(block) == ["1 is wrong.", "2 is wrong."]


def test_a_fault_of_ours_is_not_hidden_behind_a_refusal() -> None:
    def block(checked: Refusals) -> None:
        checked(refuse, 1)
        checked(divmod, 1, 0)

    with pytest.raises(ZeroDivisionError):
        refused_by(block)
