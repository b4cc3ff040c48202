"""Which header fields of an answer are kept."""

from typing import Final, get_args

from resolvers.upstreams.call import HeaderField

_NAMES_REMEMBERED: Final = 1024
_KEPT: Final[dict[str, HeaderField]] = {name: name for name in get_args(HeaderField)}


class KeptFields(dict[bytes, HeaderField | None]):
    """Names of fields as they come, in any case (RFC 9110, section 5.1); None for those that nobody reads.

    Lives as long as its process; a name is looked at once, as long as there are no more than a server has.
    """

    def __missing__(self, name: bytes) -> HeaderField | None:
        """A name that is new."""
        field = _KEPT.get(name.lower().decode("latin-1"))
        if len(self) < _NAMES_REMEMBERED:
            self[name] = field
        return field


KEPT_FIELDS: Final = KeptFields()
