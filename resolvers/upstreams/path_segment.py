"""How an upstream's id gets into a path without changing it."""

import re
from typing import Final
from urllib.parse import quote

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
