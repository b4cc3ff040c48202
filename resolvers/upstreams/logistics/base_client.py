"""The base of the logistics API's clients: configuration, paths, and how calls are made and sent.

The vendor's documents lost every path, so each is assumed here and can be set.
"""

import re
from dataclasses import dataclass, field, fields
from typing import Final, Literal
from urllib.parse import urlencode

from resolvers.errors import UpstreamUnconfigured
from resolvers.upstreams.call import Answer, Call, CallScope, Transport
from resolvers.upstreams.encoding import path_segment, request_body
from resolvers.upstreams.logistics.answers import require_logistics_success
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.purposes import purpose_of

_SENDABLE: Final = re.compile(r"[!\"$->@-~]+")
"""Printable ASCII without spaces, `?` and `#`, which would end the path."""

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
    """The path of each operation below the base URL. Lifetime: process.

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
        """Check each path."""
        # At start, because a path is a setting, and a wrong one would fail at the first call only.
        for operation in fields(self):
            _check(operation.name, getattr(self, operation.name))


def fill(path: str, placeholder: str, own_id: str) -> str:
    """Return a path with an id or signature, percent-encoded, in place of its placeholder.

    Raises:
        BadInput: no thing can have this id.
    """
    # Encoded, because a signature is base64, which has slashes and plus signs.
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


@dataclass(frozen=True, slots=True)
class LogisticsConfig:
    """The configuration of one account. Lifetime: account.

    Args:
        base_url: The URL that the paths are below; a slash at its end is ignored.
        platform: Whether the account is a platform partner's, which lists, updates, drafts and has organizations.
        paths: The paths of the operations.
        client_key: The key that names the partner, needed for its own record and for tokens.
        secret_key: The secret that belongs to it, needed for the same.
    """

    base_url: str
    platform: bool = True
    paths: LogisticsPaths = field(default_factory=LogisticsPaths)
    client_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)


_ACCEPT: Final = (("accept", "application/json"),)
_ACCEPT_AND_BODY: Final = (*_ACCEPT, ("content-type", "application/json"))


class LogisticsBaseClient:
    """Makes and sends calls. Lifetime: account.

    Args:
        transport: Sends the calls, with the account's credentials where they are needed.
        config: The account's configuration.
    """

    def __init__(self, transport: Transport, config: LogisticsConfig) -> None:
        self._transport = transport
        self._config = config
        self._paths = config.paths
        # Each path begins with a slash, and not every server takes two for one.
        self._base_url = config.base_url.rstrip("/")

    def _read_call(self, scope: CallScope, operation: str, path: str, **query: str | int) -> Call:
        url = f"{self._base_url}{path}?{urlencode(query)}" if query else self._base_url + path
        return Call(
            UpstreamName.LOGISTICS,
            operation,
            "GET",
            url,
            scope.deadline,
            _ACCEPT,
            traces=scope.traces,
            turn_by=scope.turn_by,
            context=scope.context,
        )

    def _write_call(
        self, scope: CallScope, operation: str, path: str, body: object, method: Literal["POST", "PATCH"] = "POST"
    ) -> Call:
        return Call(
            UpstreamName.LOGISTICS,
            operation,
            method,
            self._base_url + path,
            scope.deadline,
            _ACCEPT_AND_BODY,
            request_body(body),
            # No document says of any write that it may be sent twice.
            repeatable=False,
            traces=scope.traces,
            turn_by=scope.turn_by,
            context=scope.context,
        )

    async def _send(self, call: Call) -> Answer:
        """Send a call and return its answer. Raises UpstreamError if it is no success."""
        answer = await self._transport.send(call)
        require_logistics_success(call, answer)
        return answer

    async def _send_or_none(self, call: Call) -> Answer | None:
        """Send a call and return its answer; None for a 404. Raises UpstreamError for any other failure."""
        answer = await self._transport.send(call)
        # An answer and no failure: the schema shows null, without an error, for what does not exist.
        if answer.status == 404:
            return None
        require_logistics_success(call, answer)
        return answer

    def _require_platform(self, operation: str) -> None:
        # Before the call, because no document says how the API refuses a platform operation to other accounts.
        if not self._config.platform:
            purpose = purpose_of(UpstreamName.LOGISTICS.name, operation)
            raise UpstreamUnconfigured(
                UpstreamName.LOGISTICS,
                f"This LOGISTICS account is no platform partner's, and only theirs {purpose}; if it is one, the "
                "gateway's operator sets GATEWAY_LOGISTICS__PLATFORM to true.",
            )

    def _require_keys(self, *keys: str | None) -> None:
        if not all(keys):
            raise UpstreamUnconfigured(
                UpstreamName.LOGISTICS,
                "This LOGISTICS account lacks its partner keys; the gateway's operator sets "
                "GATEWAY_LOGISTICS__CLIENT_KEY and GATEWAY_LOGISTICS__SECRET_KEY.",
            )
