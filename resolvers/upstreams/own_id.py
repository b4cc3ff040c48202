"""The id that an upstream gives to a record: what has none, or an empty one, is no record."""

from typing import Annotated

import msgspec

OwnId = Annotated[str, msgspec.Meta(min_length=1)]
