"""The idempotency key of a request, from its header, and what its response says of replays.

The header is that of the IETF draft (draft-ietf-httpapi-idempotency-key-header): a string in quotes; without them, as
most clients send it, it is the same key.
"""

import re
from typing import Any, Final

from starlette.types import Scope

from gateway.operations.request import Header
from resolvers.errors import BadInput
from resolvers.idempotency.keys import CallerKeys

HEADER: Final = b"idempotency-key"

REPLAYED: Final[Header] = (b"idempotent-replayed", b"true")

_KEY: Final = re.compile(rb'"[!#-\[\]-~]{1,255}"|[!#-\[\]-~]{1,255}').fullmatch


def header_key(scope: Scope) -> str | None:
    """Return the idempotency key of an HTTP request; None if it has none.

    Args:
        scope: The ASGI scope. That of a WebSocket has none, because one header would be there for all its operations.

    Raises:
        BadInput: It is malformed.
    """
    if scope["type"] != "http":
        return None
    given: list[bytes] = [value for name, value in scope["headers"] if name == HEADER]
    if not given:
        return None
    if len(given) > 1 or not _KEY(given[0]):
        raise BadInput(
            "The header Idempotency-Key must be there once, with 1 to 255 printable ASCII characters without spaces, "
            "quotes and backslashes within it; nothing was sent."
        )
    return given[0].strip(b'"').decode()


def replays(keys: CallerKeys | None) -> tuple[dict[str, Any], tuple[Header, ...]]:
    """Return what a response says of replayed fields: a member of `extensions.gateway`, and headers.

    Args:
        keys: Those of the operation; None where it is no mutation.
    """
    if keys is None or not keys.replayed:
        return {}, ()
    replayed = [{"path": [name]} for name, is_replayed in keys.replayed.items() if is_replayed]
    headers = (REPLAYED,) if len(replayed) == len(keys.replayed) else ()
    return ({"replayed": replayed} if replayed else {}), headers
