"""How the gateway's upstreams do."""

import strawberry

from schema.enums import UpstreamNameField, UpstreamState


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
