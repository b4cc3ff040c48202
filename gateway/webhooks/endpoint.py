"""The webhook of the logistics API: a hint that a task changed, from a sender that knows the secret path.

Where a sender's address is limited, the address is the client's, behind trusted proxies too.
"""

import hmac
import logging
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
from resolvers.upstreams.transport.wire.content_coding import Undecodable, decoded

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def client_address(scope: Scope, trusted_proxies: Sequence[Network]) -> Address | None:
    """The address of the client; None where nobody can say.

    `X-Forwarded-For` is read from the right, as far as the proxies are trusted: whatever stands further left, the
    client may have written itself.

    Args:
        scope: ASGI's, of the request.
        trusted_proxies: Whose word on where a request came from is taken.
    """
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
    """Proxies may write a port behind the address, or brackets around it."""
    bare = text.partition("]")[0].lstrip("[") if text.startswith("[") else text
    if bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ip_address(bare)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


logger = logging.getLogger(__name__)

MAX_BODY_BYTES: Final = 256 * 1024
"""Of a body as it comes, and as it is once decompressed."""

TASK_MODEL: Final = "Task"
"""The only `model_name` that the vendor documents (document: Webhook)."""


@dataclass(frozen=True, slots=True)
class WebhookConfig:
    """What an operator may set.

    Args:
        secret: The last part of the path.
        allow: From where webhooks are taken; empty is anywhere.
        trusted_proxies: Whose X-Forwarded-For is believed.
    """

    secret: str = field(repr=False)
    allow: Sequence[Network] = ()
    trusted_proxies: Sequence[Network] = ()


class _Webhook(msgspec.Struct):
    """As much of a webhook as is of use: the upstream signs nothing, so nothing else in it is believed."""

    model_name: Any = None
    data: Any = None

    @property
    def subject(self) -> Any:  # noqa: ANN401 - whatever JSON holds
        """The id of what it is about; None in a ping."""
        return self.data.get("id") if isinstance(self.data, dict) else None


_WEBHOOK: Final = msgspec.json.Decoder(_Webhook)


class LogisticsWebhook:
    """Takes webhooks and answers at once; process lifetime.

    Args:
        config: What an operator may set.
        hint: Takes the kind and id of what may have changed.
    """

    def __init__(self, config: WebhookConfig, hint: Callable[[str, str], object]) -> None:
        self._config = config
        self._secret = config.secret.encode()
        self._hint = hint

    @property
    def routes(self) -> list[Route]:
        """The routes to it; a redirect from one to the other would repeat the secret."""
        paths = ("/webhooks/logistics/{secret}", "/webhooks/logistics/{secret}/")
        return [Route(path, self.receive, methods=["POST"], include_in_schema=False) for path in paths]

    async def receive(self, request: Request) -> Response:
        """Answer one webhook, a ping too, with 200.

        Else with 403 from elsewhere, 404 without the secret, 413 too large, 415 compressed otherwise than by gzip, and
        400 for nonsense.
        """
        if not self._is_allowed(request):
            return Response("This address may not send webhooks.", 403)
        if not hmac.compare_digest(request.path_params["secret"].encode(), self._secret):
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
            webhook = _WEBHOOK.decode(body or b"{}")
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return Response("This is no webhook: it is no JSON object.", 400)
        if webhook.subject is None:
            return Response(status_code=200)
        task_id = _id(webhook.subject)
        if task_id is None:
            return Response("This is no webhook: data.id is no id.", 400)
        if webhook.model_name == TASK_MODEL:
            self._hint("LogisticsTask", task_id)
        else:
            logger.info("A webhook about a model that is not documented is left aside.")
        return Response(status_code=200)


def add_webhooks(rest: Starlette, settings: Settings, hint: Callable[[str, str], object]) -> None:
    """Add the route, where the settings name its secret."""
    if settings.webhook_secret is not None:
        secret = settings.webhook_secret.get_secret_value()
        config = WebhookConfig(secret, settings.webhook_allow, settings.trusted_proxies)
        rest.routes.extend(LogisticsWebhook(config, hint).routes)


async def _read(request: Request) -> bytes | None:
    """The body, decompressed; None where it is too large.

    Raises:
        Undecodable: it is not compressed as its header says, or not by gzip.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    plain = decoded(bytes(body), request.headers.get("content-encoding", ""), MAX_BODY_BYTES)
    return plain if len(plain) <= MAX_BODY_BYTES else None


def _id(subject: object) -> str | None:
    """The id in a webhook; None where it can be none."""
    if isinstance(subject, bool) or not isinstance(subject, str | int):
        return None
    text = str(subject)
    return text if 0 < len(text) <= MAX_ID_LENGTH and text.isprintable() else None
