"""Global IDs: which kind of thing, and the upstream's own id of it.

A global ID reads `Delivery:123`. Clients treat it as opaque; to us it costs one concatenation for each record.
"""

from typing import Final

from resolvers.errors import BadInput

KINDS: Final = (
    "Delivery",
    "Product",
    "DspUploadIdentification",
    "SmsJob",
    "Recipient",
    "LogisticsTask",
    "Organization",
)

MAX_ID_LENGTH: Final = 256
"""Characters; far above every documented id, and low enough that a url with it stays one."""


def global_id(kind: str, local_id: str) -> str:
    """The global ID of a thing."""
    return f"{kind}:{local_id}"


def split_global_id(value: str) -> tuple[str, str] | None:
    """Kind and upstream's own id, or None where the value is no global ID of ours."""
    kind, separator, local_id = value.partition(":")
    if not separator or kind not in KINDS or not local_id or len(local_id) > MAX_ID_LENGTH:
        return None
    return kind, local_id


def local_id(kind: str, value: str, path: tuple[str | int, ...]) -> str:
    """The upstream's own id behind an argument that takes a global ID or the upstream's own.

    Args:
        kind: What the argument must name, such as `Delivery`.
        value: What the client sent.
        path: Leads to the argument.

    Raises:
        BadInput: it is empty, too long, or a global ID of another kind.
    """
    found = split_global_id(value)
    if found is not None and found[0] != kind:
        raise BadInput(f"{value} is the id of a {found[0]}, not of a {kind}.", path=path)
    own = found[1] if found else value
    if not own or len(own) > MAX_ID_LENGTH or not own.isprintable():
        raise BadInput(f"This is no id of a {kind}: it must have 1 to {MAX_ID_LENGTH} printable characters.", path=path)
    return own
