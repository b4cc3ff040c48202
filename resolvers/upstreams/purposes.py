"""What each call is for, in words that clients understand: messages name no operation of the code or of a vendor."""

from collections.abc import Mapping
from typing import Final

_TASK: Final = "read the task"
_NEW_TASKS: Final = "create the tasks"
_LOG_IN: Final = "log in"

PURPOSES: Final[Mapping[str, Mapping[str, str]]] = {
    "DELIVERIES": {
        "login": _LOG_IN,
        "delivery": "read the delivery",
        "deliveries": "list deliveries",
        "deliveries_by_id": "read the deliveries",
        "create_delivery": "create the delivery",
        "update_delivery": "change the delivery",
        "product": "read the product",
        "product_of": "read the delivery's product",
        "upload_identification": "read the channel to the DSP",
        "upload_identification_of": "read the delivery's channel to the DSP",
    },
    "SMS": {
        "job_report": "read the job",
        "job_ids": "list jobs",
        "recipients": "read the job's recipients",
        "create_job": "send the SMS",
        "version": "say its version",
    },
    "LOGISTICS": {
        "partner_detail": "read the partner",
        "exchange_token": _LOG_IN,
        "refresh_token": "renew the login",
        "sso_exchange_token": _LOG_IN,
        "task_detail": _TASK,
        "platform_task_detail": _TASK,
        "platform_list_tasks": "list tasks",
        "create_tasks": _NEW_TASKS,
        "platform_create_tasks": _NEW_TASKS,
        "create_draft_tasks": "create the drafts",
        "platform_update_task": "change the task",
        "cancel_task": "cancel the task",
        "broadcast_draft_tasks": "broadcast the tasks",
        "broadcast_with_tracking": "broadcast the tasks",
        "patch_tracking_ids": "set the tracking ids",
        "price": "quote the price",
        "create_organization": "create the organization",
        "list_organizations": "list organizations",
        "organization_detail": "read the organization",
        "list_roles": "list the organization's roles",
        "invite_user": "invite the user",
    },
}
"""What an upstream is asked to do, by its name and that of the operation; each completes "asked to ..."."""

UNNAMED: Final = "answer"
"""The purpose of an operation that is not listed, such as one of an upstream from outside of the packages."""


def purpose_of(upstream: str, operation: str) -> str:
    """Return what an upstream is asked to do, such as `change the task`.

    Args:
        upstream: Its name.
        operation: Our name for the vendor's operation.
    """
    return PURPOSES.get(upstream, {}).get(operation, UNNAMED)
