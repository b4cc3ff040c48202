"""The keys of everything cached: the identity comes first, so that no credentials ever reach what others fetched."""

from hashlib import blake2b
from typing import Any, Final
from urllib.parse import quote

import msgspec

MAX_READABLE: Final = 200
"""Characters of a question that stand in its key as they are; a longer one is hashed."""


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


def question(*parts: Any) -> str:  # noqa: ANN401 - whatever msgspec can encode
    """What tells one question that is no record's id from another, such as the filters and number of a page."""
    text = msgspec.json.encode(parts).decode()
    return text if len(text) <= MAX_READABLE else blake2b(text.encode(), digest_size=24).hexdigest()
