"""Writes values into requests: an id as a segment of a path, an object as a JSON body.

JSON has no number that is not finite (RFC 8259, 6), and encoders write null for one. Upstreams read null as the wish to
clear a field, so such a number is refused and never sent.
"""

import math
import re
from typing import Any, Final
from urllib.parse import quote

import msgspec

from resolvers.errors import BadInput
from resolvers.quoting import quoted

_PLAIN: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.~-]*").fullmatch
"""Matches an id that needs no encoding and is neither `.` nor `..`, as every documented one does."""


def path_segment(own_id: str) -> str:
    """Return an id as one percent-encoded segment of a path.

    Raises:
        BadInput: no thing can have this id: it is empty, `.` or `..`.
    """
    if _PLAIN(own_id):
        return own_id
    # Encoded dots are no way out, because servers resolve them to another path all the same (RFC 3986, 6.2.2.2).
    if own_id in {"", ".", ".."}:
        raise BadInput(f"{quoted(own_id)} is no id of anything; take the id from an earlier answer.")
    return quote(own_id, safe="")


def request_body(value: object) -> bytes:
    """Return a value as the JSON body of a request.

    Raises:
        BadInput: it holds a number that is not finite, or text that UTF-8 cannot encode.
    """
    try:
        place = infinite_place(msgspec.to_builtins(value))
        if place is None:
            return msgspec.json.encode(value)
    except UnicodeEncodeError as error:
        raise BadInput(f"A text in it has half a surrogate pair, which UTF-8 cannot say: {error.reason}.") from error
    raise BadInput(f"The number at {'.'.join(map(str, place))} is not finite, and JSON can only say finite numbers.")


def infinite_place(value: Any, place: tuple[str | int, ...] = ()) -> tuple[str | int, ...] | None:  # noqa: ANN401 - any JSON
    """Return the path to the first number that is not finite; None if there is none.

    Args:
        value: Any JSON.
        place: The path to `value` itself.
    """
    if isinstance(value, float):
        return None if math.isfinite(value) else place
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    for step, one in items:
        # The rest is passed over before a call, because bodies are mostly texts.
        if isinstance(one, float | dict | list | tuple):
            found = infinite_place(one, (*place, step))
            if found is not None:
                return found
    return None
