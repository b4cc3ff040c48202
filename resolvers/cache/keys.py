"""The keys of everything cached: the identity comes first, so that no credentials ever reach what others fetched.

When each of many keys last changed, bounded: of a key that made room it is known only that it was not later.
"""

from collections import OrderedDict
from hashlib import blake2b
from typing import Any, Final
from urllib.parse import quote

import msgspec


class Marks:
    """The latest mark of each key; process lifetime.

    Marks only grow. The keys whose marks are oldest make room, and any key that is not remembered may have had the
    mark of the last that did.

    Args:
        remembered: How many keys.

    Attributes:
        floor: The latest mark that a key may have that is not remembered.
    """

    __slots__ = ("_marks", "_remembered", "floor")

    def __init__(self, remembered: int) -> None:
        self._marks: OrderedDict[str, int] = OrderedDict()
        self._remembered = remembered
        self.floor = 0

    def __len__(self) -> int:
        return len(self._marks)

    def set(self, key: str, mark: int) -> None:
        """Give a key its latest mark."""
        self._marks[key] = mark
        self._marks.move_to_end(key)
        if len(self._marks) > self._remembered:
            _, self.floor = self._marks.popitem(last=False)

    def get(self, key: str) -> int:
        """The latest mark that the key may have."""
        return self._marks.get(key, self.floor)

    def clear(self, floor: int) -> None:
        """Let every key have this mark."""
        self._marks.clear()
        self.floor = floor


MAX_READABLE: Final = 200
"""Characters of a request that stand in its key as they are; a longer one is hashed."""


def key_prefix(identity: str, kind: str) -> str:
    """What all keys of one kind begin with that one identity's credentials fetched.

    The identity is encoded, so that no name of an account can reach into another's keys; what follows the prefix is
    free-form, since nothing comes after it.
    """
    return f"{quote(identity, safe='')}/{kind}/"


def list_tag(identity: str, list_name: str) -> str:
    """The key that stands for a whole list of an identity: whatever was made of any page of it carries this tag."""
    return f"{quote(identity, safe='')}/list/{list_name}"


def is_list_tag(key: str) -> bool:
    """Whether a key stands for a list; an identity holds no slash, so its own part is the first."""
    return key.split("/", 2)[1] == "list"


def request_key(*parts: Any) -> str:  # noqa: ANN401 - whatever msgspec can encode
    """Return the key of a request for no single record, made of all that tells it from others of its kind."""
    text = msgspec.json.encode(parts).decode()
    return text if len(text) <= MAX_READABLE else blake2b(text.encode(), digest_size=24).hexdigest()
