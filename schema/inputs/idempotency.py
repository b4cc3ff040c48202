"""The idempotency key of a field: its own argument, or else that of the request's header."""

import re
from typing import Final

from resolvers.errors import BadInput
from resolvers.idempotency.secrets import IdempotencyKey
from resolvers.selection import OperationInfo, response_name
from schema.inputs.checks import Path

KEY_DESCRIPTION: Final = (
    "A random text of the client, such as a UUID, of 1 to 255 printable ASCII characters without spaces. The change is "
    "made once for all requests with the same key: a repeat gets the first outcome. It wins over the header "
    "Idempotency-Key."
)

MAX_KEY_LENGTH: Final = 255

_KEY: Final = re.compile(rf"[!-~]{{1,{MAX_KEY_LENGTH}}}").fullmatch


def key_of(info: OperationInfo, given: str | None, path: Path) -> IdempotencyKey | None:
    """Return the idempotency key of a field; None if it has none.

    Args:
        info: The field's info.
        given: The key among the field's arguments; None if it is not there.
        path: The path of that.

    Raises:
        BadInput: It is malformed.
    """
    keys = info.context.keys
    if given is None:
        if keys is None or keys.header is None:
            return None
        name = response_name(info)
        return IdempotencyKey(keys.header, name, name)
    if not _KEY(given):
        raise BadInput(
            f"An idempotency key has 1 to {MAX_KEY_LENGTH} printable ASCII characters without spaces.", path=path
        )
    return IdempotencyKey(given, None, response_name(info), path)
