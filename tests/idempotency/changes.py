"""Every mutation that creates or sends, with variables that the simulators accept, and the request that it takes."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from tests.contract import documents
from tests.contract.operations import replaced
from tests.world import World

ERRORS: Final = documents.ERRORS


class Change(NamedTuple):
    """A mutation that creates or sends.

    Attributes:
        document: Takes `$key`, and answers the field `answer`.
        variables: What it does.
        other: Another input for the same key.
        path: The path of the upstream request, which is a POST.
        shown: Whether the upstream shows afterwards what was made.
    """

    document: str
    variables: Mapping[str, Any]
    other: Mapping[str, Any]
    path: str
    shown: bool = True


def _stop(start: str, end: str) -> dict[str, Any]:
    return documents.STOP | {"timeWindow": {"start": start, "end": end}}


def tasks(count: int, name: str = "T") -> list[dict[str, Any]]:
    """Return tasks to create, each with a tracking id."""
    pickup, dropoff = (
        _stop("2090-01-02T08:00:00Z", "2090-01-02T10:00:00Z"),
        documents.STOP | {"timeWindow": {"start": "2090-01-02T10:00:00Z", "end": "2090-01-02T12:00:00Z"}},
    )
    return [
        {
            "trackingId": f"{name}-{number}",
            "pickup": pickup,
            "dropoff": dropoff,
            "price": {"amount": "2.00", "currency": "SGD"},
        }
        for number in range(count)
    ]


CREATE_DELIVERY: Final = f"""
mutation ($type: DeliveryType!, $key: String) {{
  answer: createDelivery(input: {{
    type: $type, deliverable: true, productId: "Product:1", dspUploadIdentificationId: 1, idempotencyKey: $key
  }}) {{ delivery {{ id }} {ERRORS} }}
}}
"""

SEND_SMS: Final = f"""
mutation ($text: String!, $reference: String, $key: String) {{
  answer: sendSms(input: {{
    messages: [{{ text: $text, recipients: [{{ destination: "+6591234567" }}] }}]
    options: {{ customerRef: $reference }}, idempotencyKey: $key
  }}) {{ job {{ id customerRef }} {ERRORS} }}
}}
"""

CREATE_TASKS: Final = f"""
mutation ($tasks: [LogisticsTaskInput!]!, $draft: Boolean, $key: String) {{
  answer: createLogisticsTasks(tasks: $tasks, draft: $draft, idempotencyKey: $key) {{ tasks {{ id }} {ERRORS} }}
}}
"""

BROADCAST: Final = f"""
mutation ($ids: [ID!]!, $key: String) {{
  answer: broadcastLogisticsTasks(ids: $ids, idempotencyKey: $key) {{ tasks {{ id }} {ERRORS} }}
}}
"""

BROADCAST_WITH_TRACKING: Final = f"""
mutation ($tasks: [TrackingIdInput!]!, $key: String) {{
  answer: broadcastLogisticsTasksWithTracking(tasks: $tasks, idempotencyKey: $key) {{ tasks {{ id }} {ERRORS} }}
}}
"""

CREATE_ORGANIZATION: Final = f"""
mutation ($name: String!, $key: String) {{
  answer: createOrganization(businessName: $name, idempotencyKey: $key) {{ organization {{ id }} {ERRORS} }}
}}
"""

INVITE_USER: Final = f"""
mutation ($email: String!, $organization: ID!, $key: String) {{
  answer: inviteUser(email: $email, organizationId: $organization, idempotencyKey: $key) {{ message {ERRORS} }}
}}
"""

NAMES: Final = (
    "createDelivery",
    "sendSms",
    "createLogisticsTasks",
    "broadcastLogisticsTasks",
    "broadcastLogisticsTasksWithTracking",
    "createOrganization",
    "inviteUser",
)

SHOWN: Final = tuple(name for name in NAMES if name != "inviteUser")
"""Those whose effect can be looked for."""


async def drafts(world: World, count: int) -> list[str]:
    """Create drafts, and return their ids."""
    answer = await world.ask(CREATE_TASKS, {"tasks": tasks(count, "D"), "draft": True})
    return [task["id"] for task in answer.data["answer"]["tasks"]]


async def change(world: World, name: str) -> Change:
    """Return a mutation by its name; records that it needs are created."""
    match name:
        case "createDelivery":
            variables: dict[str, Any] = {"type": "REDELIVERY"}
            return Change(CREATE_DELIVERY, variables, {"type": "UPDATE"}, "/api/v1/send-tasks")
        case "sendSms":
            return Change(SEND_SMS, {"text": "Hello"}, {"text": "Hallo"}, "/rest/v1/jobs")
        case "createLogisticsTasks":
            variables = {"tasks": tasks(3)}
            other = replaced(variables, ("tasks", 2, "trackingId"), "another")
            return Change(CREATE_TASKS, variables, other, "/platform/tasks")
        case "broadcastLogisticsTasks":
            ids = await drafts(world, 3)
            return Change(BROADCAST, {"ids": ids}, {"ids": ids[:2]}, "/platform/tasks/broadcast")
        case "broadcastLogisticsTasksWithTracking":
            tracked = [{"taskId": one, "trackingId": f"of {one}"} for one in await drafts(world, 3)]
            path = "/platform/tasks/broadcast-with-tracking"
            return Change(BROADCAST_WITH_TRACKING, {"tasks": tracked}, {"tasks": tracked[:2]}, path)
        case "createOrganization":
            return Change(CREATE_ORGANIZATION, {"name": "Sea One"}, {"name": "Sea Two"}, "/platform/organizations")
        case _:
            listed = await world.ask("{ organizations(first: 1) { nodes { id } } }")
            (organization,) = listed.data["organizations"]["nodes"]
            variables = {"email": "mei@example.com", "organization": organization["id"]}
            other = variables | {"email": "ravi@example.com"}
            return Change(INVITE_USER, variables, other, "/platform/users/invite", shown=False)


def sent(world: World, path: str) -> int:
    """Return how often the change was requested of the upstream since the last operation began."""
    return sum(one.method == "POST" and one.path == path for one in world.requests)


def record_of(payload: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any of the payloads'
    """Return what a payload has beside its errors."""
    (place,) = (name for name in payload if name != "errors")
    return payload[place]
