"""The upstreams as clients see them: their names and states.

Imported lazily, when the schema is built: the enum of the names needs all upstreams, also those from outside.
"""

from enum import Enum

import strawberry

from resolvers.upstreams.names import UpstreamName
from schema.enums import UpstreamNameField, UpstreamState

UpstreamNames = Enum("UpstreamNames", {upstream.name: upstream for upstream in UpstreamName.known()})  # type: ignore[misc]  # the members are known at run time only
"""The members' values are the names that resolvers return."""

strawberry.enum(UpstreamNames, name="UpstreamName", description="The REST APIs behind the gateway.")
for value in UpstreamNames.__strawberry_definition__.values:  # type: ignore[attr-defined]  # set by strawberry.enum
    value.description = value.value.description


@strawberry.type(description="One of the REST APIs behind the gateway, and how it does.")
class Upstream:
    """A view of an upstream's state."""

    name: UpstreamNameField = strawberry.field(description="Which of them.")
    state: UpstreamState = strawberry.field(description="How it does.")
    last_error_code: str | None = strawberry.field(
        description="The code of the latest error, as in `extensions.code`; null where nothing failed of late."
    )
    retry_after_seconds: float | None = strawberry.field(
        description="After how many seconds a call may be tried again."
    )
