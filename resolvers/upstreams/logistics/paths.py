"""Where the logistics API's operations are: its documents lost every path, so each is assumed here and can be set."""

import re
from dataclasses import dataclass, fields
from typing import Final

from resolvers.upstreams.path_segment import path_segment

_SENDABLE: Final = re.compile(r"[!\"$->@-~]+")

_PLACEHOLDER_OF: Final = {
    "partner_detail": "{signature}",
    "task_detail": "{task_id}",
    "cancel_task": "{task_id}",
    "organization_detail": "{org_id}",
    "list_roles": "{org_id}",
    "platform_task_detail": "{task_id}",
    "platform_update_task": "{task_id}",
}


@dataclass(frozen=True, slots=True)
class LogisticsPaths:
    """The path of each operation below the base URL; settings lifetime.

    Raises:
        ValueError: a path does not start with a slash, or lacks the placeholder of its operation.
    """

    partner_detail: str = "/partners/{signature}"
    exchange_token: str = "/oauth2/token"  # noqa: S105 - a path
    refresh_token: str = "/oauth2/refresh"  # noqa: S105 - a path
    create_tasks: str = "/tasks"
    task_detail: str = "/tasks/{task_id}"
    cancel_task: str = "/tasks/{task_id}/cancel"
    price: str = "/price"
    sso_exchange_token: str = "/platform/sso/token"  # noqa: S105 - a path
    create_organization: str = "/platform/organizations"
    list_organizations: str = "/platform/organizations"
    organization_detail: str = "/platform/organizations/{org_id}"
    list_roles: str = "/platform/organizations/{org_id}/roles"
    invite_user: str = "/platform/users/invite"
    platform_create_tasks: str = "/platform/tasks"
    platform_list_tasks: str = "/platform/tasks"
    platform_task_detail: str = "/platform/tasks/{task_id}"
    platform_update_task: str = "/platform/tasks/{task_id}"
    create_draft_tasks: str = "/platform/tasks/draft"
    broadcast_draft_tasks: str = "/platform/tasks/broadcast"
    broadcast_with_tracking: str = "/platform/tasks/broadcast-with-tracking"
    patch_tracking_ids: str = "/platform/tasks/tracking-ids"

    def __post_init__(self) -> None:
        """Refuse a path that could not work."""
        for operation in fields(self):
            _check(operation.name, getattr(self, operation.name))


def fill(path: str, placeholder: str, own_id: str) -> str:
    """The path with one id or signature in it, percent-encoded.

    Raises:
        BadInput: no thing can have this id.
    """
    return path.replace(placeholder, path_segment(own_id))


def _check(operation: str, path: str) -> None:
    placeholder = _PLACEHOLDER_OF.get(operation, "")
    if not _SENDABLE.fullmatch(path):
        raise ValueError(
            f"The path of the logistics operation {operation} must be of ASCII characters without ?, # and spaces, the "
            f"rest as %XX; it is {path!r}."
        )
    if not path.startswith("/") or placeholder not in path:
        rule = f"start with / and hold {placeholder}" if placeholder else "start with /"
        raise ValueError(f"The path of the logistics operation {operation} must {rule}; it is {path!r}.")
