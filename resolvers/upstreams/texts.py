"""Texts on the wire that must say something: a record's id, a token."""

from typing import Annotated

import msgspec

NonEmpty = Annotated[str, msgspec.Meta(min_length=1)]
