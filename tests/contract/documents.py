"""Mutations with variables that every check lets through."""

from typing import Any, Final

STOP: Final = {
    "address": {"streetAddress": "1 Harbour Road", "zipCode": "099253", "latitude": 1.26, "longitude": 103.82},
    "timeWindow": {"start": "2030-01-02T08:00:00+08:00", "end": "2030-01-02T10:00:00+08:00"},
    "contact": {"name": "Mei", "phone": "+6569965309", "email": "mei@example.com"},
    "note": "Ring twice",
}
LATER_STOP: Final = STOP | {
    "timeWindow": {"start": "2030-01-02T10:00:00+08:00", "end": "2030-01-02T12:00:00+08:00"},
}

ERRORS: Final = """
errors {
  __typename message retryable
  ... on InvalidInput { path }
  ... on NotFound { missingId }
  ... on NotAllowedNow { rawStatus }
  ... on RateLimited { retryAfterSeconds }
  ... on UpstreamFailed { upstream outcomeUnknown }
}
"""

CREATE_TASKS: Final = f"""
mutation ($tasks: [LogisticsTaskInput!]!, $draft: Boolean) {{
  answer: createLogisticsTasks(tasks: $tasks, draft: $draft) {{ tasks {{ id taskId status }} {ERRORS} }}
}}
"""
TASKS: Final[dict[str, Any]] = {
    "tasks": [
        {
            "trackingId": "TRACK-1",
            "pickup": STOP,
            "dropoff": LATER_STOP,
            "price": {"amount": "2.00", "currency": "SGD"},
            "items": [{"name": "Crate", "quantity": 2, "attributes": {"fragile": True}}],
            "cargoNetQuantity": 2,
            "broadcastPreference": "ALL",
            "vehiclePreference": "VAN_1_7M",
            "service": "FTL",
            "urgent": True,
            "organizationId": "Organization:org-1",
        }
    ]
}

UPDATE_TASK: Final = f"""
mutation ($id: ID!, $input: UpdateLogisticsTaskInput!) {{
  answer: updateLogisticsTask(id: $id, input: $input) {{ task {{ id }} {ERRORS} }}
}}
"""
TASK_CHANGE: Final[dict[str, Any]] = {
    "id": "task-1",
    "input": {
        "versionRev": "0-0a0a0a0a",
        "pickup": STOP,
        "dropoff": LATER_STOP,
        "officerContact": {"name": "Tan", "email": "tan@example.com"},
        "minPrice": {"amount": "5", "currency": "SGD"},
        "adminFee": {"amount": "0.2", "currency": "SGD"},
        "totalItemWeight": 1.5,
        "totalItemVolume": 0.5,
        "totalItemQuantity": 1,
        "cargoNetQuantity": 0,
        "broadcastPreference": "SQUAD",
        "vehiclePreference": "LTL",
        "organizationId": "org-1",
        "epod": {"signed": True},
    },
}

SEND_SMS: Final = f"""
mutation ($input: SendSmsInput!) {{ answer: sendSms(input: $input) {{ job {{ id jobId recipientCount }} {ERRORS} }} }}
"""
JOB: Final[dict[str, Any]] = {
    "input": {
        "messages": [
            {"text": "Your parcel is on its way", "recipients": [{"destination": "+4989123", "customerRef": "c-1"}]}
        ],
        "options": {
            "source": "Parcels",
            "encoding": "UTF_16",
            "billcode": "B1",
            "qos": "EXPRESS",
            "validityMinutes": 100000,
            "maxParts": 99,
            "invalidCharacters": "TRANSLITERATE",
            "jobPeriod": "2030-01-02T08:00:00+08:00",
            "blackoutPeriods": [{"start": "2030-01-02T22:00:00Z", "end": "2030-01-03T06:00:00Z"}],
        },
    }
}

CREATE_DELIVERY: Final = f"""
mutation ($input: CreateDeliveryInput!) {{ answer: createDelivery(input: $input) {{ delivery {{ id }} {ERRORS} }} }}
"""
DELIVERY: Final[dict[str, Any]] = {
    "input": {
        "type": "DELIVERY",
        "deliverable": True,
        "productId": "Product:7",
        "dspUploadIdentificationId": "3",
        "sentOnBehalfOfName": "A Label",
    }
}

UPDATE_DELIVERY: Final = f"""
mutation ($id: ID!, $input: UpdateDeliveryInput!) {{
  answer: updateDelivery(id: $id, input: $input) {{ delivery {{ id }} {ERRORS} }}
}}
"""
DELIVERY_CHANGE: Final[dict[str, Any]] = {"id": "Delivery:1", "input": {"status": "PENDING", "type": "UPDATE"}}

CANCEL_DELIVERY: Final = f"mutation ($id: ID!) {{ answer: cancelDelivery(id: $id) {{ delivery {{ id }} {ERRORS} }} }}"

CANCEL_TASK: Final = f"""
mutation ($id: ID!, $reason: String!) {{
  answer: cancelLogisticsTask(id: $id, reason: $reason) {{ task {{ id }} {ERRORS} }}
}}
"""
CANCELLATION: Final[dict[str, Any]] = {"id": "LogisticsTask:task-1", "reason": "The customer called"}

BROADCAST: Final = f"""
mutation ($ids: [ID!]!) {{ answer: broadcastLogisticsTasks(ids: $ids) {{ tasks {{ id }} {ERRORS} }} }}
"""
BROADCAST_WITH_TRACKING: Final = f"""
mutation ($tasks: [TrackingIdInput!]!) {{
  answer: broadcastLogisticsTasksWithTracking(tasks: $tasks) {{ tasks {{ id }} {ERRORS} }}
}}
"""
SET_TRACKING_IDS: Final = f"""
mutation ($tasks: [TrackingIdInput!]!) {{ answer: setTrackingIds(tasks: $tasks) {{ tasks {{ id }} {ERRORS} }} }}
"""
TRACKED: Final[dict[str, Any]] = {"tasks": [{"taskId": "task-1", "trackingId": "TRACK-1"}]}

CREATE_ORGANIZATION: Final = f"""
mutation ($businessName: String!) {{
  answer: createOrganization(businessName: $businessName) {{ organization {{ id }} {ERRORS} }}
}}
"""
INVITE_USER: Final = f"""
mutation ($email: String!, $organizationId: ID!, $roleId: ID) {{
  answer: inviteUser(email: $email, organizationId: $organizationId, roleId: $roleId) {{ message {ERRORS} }}
}}
"""
INVITATION: Final[dict[str, Any]] = {"email": "mei@example.com", "organizationId": "org-1", "roleId": "role-1"}
