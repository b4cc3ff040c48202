"""Numbers on the wire that a client can be given: GraphQL's Int has 32 bits, and its Float is finite."""

import sys
from typing import Annotated, Final

import msgspec

LEAST_INT: Final = -(2**31)
LARGEST_INT: Final = 2**31 - 1

Int32 = Annotated[int, msgspec.Meta(ge=LEAST_INT, le=LARGEST_INT)]
"""A whole number; an answer with a larger one is not what its vendor documents."""

Finite = Annotated[float, msgspec.Meta(ge=-sys.float_info.max, le=sys.float_info.max)]
"""A number; text that is read as one may say `NaN` or `inf`."""
