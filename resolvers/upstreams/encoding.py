"""How values are written into a request: an id as a segment of a path, an object as a JSON body."""

import math
import re
from typing import Any, Final
from urllib.parse import quote

import msgspec

from resolvers.errors import BadInput

_PLAIN: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.~-]*").fullmatch
"""Every documented id is one: nothing to encode, and no path of its own."""


def path_segment(own_id: str) -> str:
    """The id as one percent-encoded segment of a path.

    Raises:
        BadInput: it is empty or made of dots, which a server would resolve to another path, encoded or not.
    """
    if _PLAIN(own_id):
        return own_id
    if own_id in {"", ".", ".."}:
        raise BadInput(f"{own_id!r} is no id of anything; take the id from an earlier answer.")
    return quote(own_id, safe="")


def request_body(value: object) -> bytes:
    """Write the body of a request.

    Args:
        value: What to send.

    Raises:
        BadInput: it holds a number that is not finite, or text that UTF-8 cannot say.
    """
    try:
        place = infinite_place(msgspec.to_builtins(value))
        if place is None:
            return msgspec.json.encode(value)
    except UnicodeEncodeError as error:
        raise BadInput(f"A text in it has half a surrogate pair, which UTF-8 cannot say: {error.reason}.") from error
    raise BadInput(f"The number at {'.'.join(map(str, place))} is not finite, and JSON can only say finite numbers.")


def infinite_place(value: Any, place: tuple[str | int, ...] = ()) -> tuple[str | int, ...] | None:  # noqa: ANN401 - any JSON
    """Return the path to the first number that is not finite; None where there is none.

    Args:
        value: Any JSON.
        place: The path to it.
    """
    if isinstance(value, float):
        return None if math.isfinite(value) else place
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    for step, one in items:
        if isinstance(one, float | dict | list | tuple):
            found = infinite_place(one, (*place, step))
            if found is not None:
                return found
    return None
