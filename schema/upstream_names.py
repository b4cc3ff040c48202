"""The upstreams as clients name them. Imported when the schema is built: by then every upstream is known."""

from enum import Enum

import strawberry

from resolvers.upstreams.names import UpstreamName

UpstreamNames = Enum("UpstreamNames", {upstream.name: upstream for upstream in UpstreamName.known()})  # type: ignore[misc]  # nobody knows them before
"""The values are what resolvers return, so an upstream from outside needs no entry here."""

strawberry.enum(UpstreamNames, name="UpstreamName", description="The REST APIs behind the gateway.")
for value in UpstreamNames.__strawberry_definition__.values:  # type: ignore[attr-defined]  # set by strawberry.enum
    value.description = value.value.description
