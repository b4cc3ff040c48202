"""The names of header fields as answers have them, in one way of writing (RFC 9110, section 5.1)."""

from functools import lru_cache
from typing import Final

_NAMES_KEPT: Final = 1024


@lru_cache(maxsize=_NAMES_KEPT)
def field_name(name: bytes) -> str:
    """A name in lower case; upstreams use the same few in every answer."""
    return name.lower().decode("latin-1")
