"""How an upstream's id gets into a path without changing it."""

from urllib.parse import quote

from resolvers.errors import BadInput


def path_segment(own_id: str) -> str:
    """The id as one percent-encoded segment of a path.

    Raises:
        BadInput: it is empty or made of dots, which a server would resolve to another path, encoded or not.
    """
    if own_id in {"", ".", ".."}:
        raise BadInput(f"{own_id!r} is no id of anything; take the id from an earlier answer.")
    return quote(own_id, safe="")
