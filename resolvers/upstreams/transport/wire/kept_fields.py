"""Which header fields of an answer are kept."""

from functools import lru_cache
from typing import Final, get_args

from resolvers.upstreams.call import HeaderField

_NAMES_REMEMBERED: Final = 1024
_KEPT: Final[dict[str, HeaderField]] = {name: name for name in get_args(HeaderField)}


@lru_cache(maxsize=_NAMES_REMEMBERED)
def kept_field(name: bytes) -> HeaderField | None:
    """A field's name, which may come in any case (RFC 9110, section 5.1); None where nobody reads it."""
    return _KEPT.get(name.lower().decode("latin-1"))
