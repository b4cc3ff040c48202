"""The one place where the JSON of a request is written: what JSON cannot say is refused, and never sent as null.

JSON has no number that is not finite (RFC 8259, 6), and encoders write null for one: an upstream would take that for
the wish to clear the field.
"""

import math
from typing import Any

import msgspec

from resolvers.errors import BadInput


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
