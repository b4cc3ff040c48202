"""The webhook of the logistics API.

The upstream signs nothing, so a webhook is only a hint to read a task again: its sender has to know the secret path,
and may be limited to certain networks. Its address is the client's, behind trusted proxies too.
"""

import hmac
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from gateway.settings.model import Settings
from resolvers.ids import MAX_ID_LENGTH
from resolvers.kinds.logistics import TASK_TYPE
from resolvers.upstreams.transport.wire.content_coding import Undecodable, decoded

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def client_address(scope: Scope, trusted_proxies: Sequence[Network]) -> Address | None:
    """Return the address of the client; None if it is unknown.

    Args:
        scope: The request's ASGI scope.
        trusted_proxies: The networks of proxies whose `X-Forwarded-For` is trusted.
    """
    # `X-Forwarded-For` is read from the right as long as the proxies are trusted: the client may have written the rest.
    peer = scope.get("client")
    address = _address(peer[0]) if peer else None
    for hop in reversed(_forwarded_for(scope)):
        if address is None or not is_in(address, trusted_proxies):
            break
        address = _address(hop)
    return address


def is_in(address: Address, networks: Sequence[Network]) -> bool:
    """Whether an address belongs to one of these networks."""
    return any(address in network for network in networks)


def _forwarded_for(scope: Scope) -> list[str]:
    values = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return [hop.strip() for hop in ",".join(values).split(",") if hop.strip()]


def _address(text: str) -> Address | None:
    """Parse an address, which proxies may write with a port or in brackets."""
    bare = text.partition("]")[0].lstrip("[") if text.startswith("[") else text
    if bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ip_address(bare)
    except ValueError:
        return None
    # So an IPv4 client is seen by a socket that listens on IPv6; networks list it by its IPv4 address.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


logger = logging.getLogger(__name__)

MAX_BODY_BYTES: Final = 256 * 1024
"""Limit of the body, both as received and after decompression."""

TASK_MODEL: Final = "Task"
"""The only `model_name` that the vendor documents (document: Webhook)."""


@dataclass(frozen=True, slots=True)
class WebhookConfig:
    """Settings of the webhook.

    Args:
        secret: The last segment of the path.
        allow: The networks that may send webhooks; empty allows any.
        trusted_proxies: The networks of proxies whose `X-Forwarded-For` is trusted.
    """

    secret: str = field(repr=False)
    allow: Sequence[Network] = ()
    trusted_proxies: Sequence[Network] = ()


class _Webhook(msgspec.Struct):
    """The members of a webhook that are used; others are not trusted."""

    model_name: Any = None
    data: Any = None

    @property
    def subject(self) -> Any:  # noqa: ANN401 - any JSON value
        """The id of the changed record; None in a ping."""
        return self.data.get("id") if isinstance(self.data, dict) else None


_WEBHOOK: Final = msgspec.json.Decoder(_Webhook)


class WebhookCounts:
    """Counts webhooks about records by their kind. Lifetime: process.

    Args:
        now: The wall clock, in seconds since 1970.

    Attributes:
        received: Their number.
        last_at: When the last came, in seconds since 1970; 0 for none yet.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        # There from the start, so that one that never comes is seen as well.
        self.received = {TASK_TYPE.name: 0}
        self.last_at = {TASK_TYPE.name: 0.0}

    def add(self, kind: str) -> None:
        """Count a webhook."""
        self.received[kind] += 1
        self.last_at[kind] = self._now()


class LogisticsWebhook:
    """Receives webhooks; process lifetime.

    Args:
        config: Settings of the webhook.
        hint: Called with the kind and id of a record that may have changed; must return at once.
        counts: Counts webhooks.
    """

    def __init__(
        self, config: WebhookConfig, hint: Callable[[str, str], object], counts: WebhookCounts | None = None
    ) -> None:
        self._counts = counts or WebhookCounts()
        self._config = config
        self._secret = config.secret.encode()
        self._hint = hint

    @property
    def routes(self) -> list[Route]:
        """The routes, with and without the trailing slash."""
        # Both are served, because a redirect from one to the other would repeat the secret.
        paths = ("/webhooks/logistics/{secret}", "/webhooks/logistics/{secret}/")
        return [Route(path, self.receive, methods=["POST"], include_in_schema=False) for path in paths]

    async def receive(self, request: Request) -> Response:
        """Respond to a webhook or a ping with 200.

        Other statuses: 403 for other networks, 404 for a wrong secret, 413 for a large body, 415 for a content coding
        other than gzip, 400 for malformed content.
        """
        # Before the secret, so that other networks cannot try secrets.
        if not self._is_allowed(request):
            return Response("This address may not send webhooks.", 403)
        if not hmac.compare_digest(request.path_params["secret"].encode(), self._secret):
            # As for an unknown path, so that the answer does not confirm that there is a webhook.
            return Response("Not Found", 404)
        try:
            body = await _read(request)
        except ClientDisconnect:
            return Response(status_code=400)
        except Undecodable:
            return Response("The body is not compressed as Content-Encoding says, or not by gzip.", 415)
        if body is None:
            return Response(f"A webhook has at most {MAX_BODY_BYTES} bytes.", 413)
        return self._take(body)

    def _is_allowed(self, request: Request) -> bool:
        if not self._config.allow:
            return True
        address = client_address(request.scope, self._config.trusted_proxies)
        return address is not None and is_in(address, self._config.allow)

    def _take(self, body: bytes) -> Response:
        try:
            # The body of a ping may be empty.
            webhook = _WEBHOOK.decode(body or b"{}")
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return Response("This is no webhook: it is no JSON object.", 400)
        if webhook.subject is None:
            return Response(status_code=200)
        task_id = _id(webhook.subject)
        if task_id is None:
            return Response("This is no webhook: data.id is no id.", 400)
        if webhook.model_name == TASK_MODEL:
            self._counts.add(TASK_TYPE.name)
            self._hint(TASK_TYPE.name, task_id)
        else:
            # Acknowledged all the same: sent again, it would be left aside again.
            logger.info("A webhook about a model that is not documented is left aside.")
        return Response(status_code=200)


def add_webhooks(
    rest: Starlette, settings: Settings, hint: Callable[[str, str], object], counts: WebhookCounts
) -> None:
    """Add the route if the settings name its secret."""
    if settings.webhook_secret is not None:
        secret = settings.webhook_secret.get_secret_value()
        config = WebhookConfig(secret, settings.webhook_allow, settings.trusted_proxies)
        rest.routes.extend(LogisticsWebhook(config, hint, counts).routes)


async def _read(request: Request) -> bytes | None:
    """Read and decompress the body; None if it is too large.

    Raises:
        Undecodable: The body is not compressed as its header says, or not by gzip.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    plain = decoded(bytes(body), request.headers.get("content-encoding", ""), MAX_BODY_BYTES)
    return plain if len(plain) <= MAX_BODY_BYTES else None


def _id(subject: object) -> str | None:
    """The id as text; None if it cannot be an id."""
    if isinstance(subject, bool) or not isinstance(subject, str | int):
        return None
    text = str(subject)
    return text if 0 < len(text) <= MAX_ID_LENGTH and text.isprintable() else None
