"""The directive `@semanticNonNull`: fields that are null only where the response has an error for them.

A field that needs a call of an upstream is nullable, so that one upstream's failure costs no more than that field. Most
of these have a value whenever there is no error. Clients that handle errors apart from data read the directive and
generate types without null: Relay (`@throwOnFieldError`), Apollo Kotlin (its nullability directives) and GraphQL code
generator. Others pass over it.
"""

from typing import Final

import strawberry
from strawberry.schema_directive import Location


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="semanticNonNull",
    description=(
        "Null only where `errors` has an entry for it; for clients that handle errors apart from data. `levels` says "
        "where: 0 is the field itself, 1 are the items of its list."
    ),
)
class SemanticNonNull:
    """The directive on one field; schema lifetime."""

    # A tuple, because a default must be immutable.
    levels: list[int] = strawberry.directive_field(name="levels", default=(0,))


NULL_ONLY_ON_ERROR: Final = SemanticNonNull()
"""On a field that is null only with an error."""

ITEMS_NULL_ONLY_ON_ERROR: Final = SemanticNonNull(levels=[1])
"""On a list whose items are null only with an error each."""
