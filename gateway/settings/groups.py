"""The settings of one concern each: caches, events, limits, the log."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from gateway.http.request import MAX_CONTAINERS
from gateway.settings.values import Count, PositiveSeconds, Seconds, SettingsGroup


class CacheSettings(SettingsGroup):
    """How long records are kept, and how many; process lifetime."""

    enabled: bool = True
    """Whether records and whole operations are kept."""
    coalesce: bool = True
    """Whether equal calls and operations in flight are shared."""
    ttl_final: Seconds = 86_400
    """Seconds for a record whose status no longer changes."""
    ttl_active: Seconds = 5
    """Seconds for a record whose status may change."""
    ttl_reference: Seconds = 600
    """Seconds for products, upload identifications and organizations."""
    ttl_relationship: Seconds = 86_400
    """Seconds for which thing belongs to which, where that cannot change."""
    ttl_quote: Seconds = 60
    """Seconds for a price quote."""
    ttl_missing: Seconds = 5
    """Seconds for the knowledge that there is no such thing."""
    grace: Seconds = 600
    """Seconds past its TTL in which a record may still be served stale."""
    max_entries: Count = 100_000
    """How many entries a process keeps."""
    max_bytes: int = Field(default=268_435_456, ge=1_048_576)
    """How many bytes of entries a process keeps."""


class EventsSettings(SettingsGroup):
    """Status changes: how often looked for, how long kept, how many clients may follow; process lifetime."""

    poll_min_seconds: PositiveSeconds = 2
    """The interval between two polls of a record just after it changed."""
    poll_max_seconds: PositiveSeconds = 60
    """The interval to which polls slow down while nothing changes."""
    keep_seconds: PositiveSeconds = 86_400
    """How long an event can be replayed."""
    max_events: Count = 100_000
    """How many events can be replayed."""
    connections_per_caller: Count = 100
    """How many connections a caller may have open in one process."""
    subscriptions_per_connection: Count = 50
    """How many subscriptions may run over one connection."""
    init_timeout_seconds: PositiveSeconds = 10
    """How long a WebSocket may stay open without `connection_init`."""
    ping_seconds: PositiveSeconds = 25
    """The interval between two pings on an open connection."""
    queue_size: Count = 256
    """How many events may wait for one subscriber before they are folded together."""


class ConnectionsSettings(SettingsGroup):
    """What a client may hold of the server before its request has arrived; process lifetime."""

    max_open: Count = 10_000
    """How many connections a process keeps open; further ones are answered 503."""
    head_seconds: PositiveSeconds = 10
    """How long a new connection may send nothing, and how long the head of a request may take."""
    body_seconds: PositiveSeconds = 10
    """How long the body of a request may take, beside a second for each 8 KiB of it that came."""
    idle_seconds: Count = 60
    """How long a connection is kept between two requests."""


class LimitsSettings(SettingsGroup):
    """How much one operation may ask for; process lifetime."""

    cost: Count = 300
    """Estimated upstream calls."""
    nodes: Count = 50_000
    """Estimated objects in the response."""
    response_bytes: Count = 16_777_216
    """Bytes of a response, and of a subscription's event."""
    depth: Count = 12
    """Levels of nested fields."""
    tokens: Count = 2000
    """Lexical tokens of the document."""
    aliases: Count = 50
    """Aliased fields."""
    directives: Count = 20
    """Directives."""
    document_bytes: Count = 100_000
    """Bytes of the document's text."""
    variable_values: Annotated[Count, Field(le=MAX_CONTAINERS)] = MAX_CONTAINERS
    """JSON values in the variables, those within lists and objects among them."""


class LogSettings(SettingsGroup):
    """What is written to standard error, and how; process lifetime."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least level that is written."""
    format: Literal["text", "json"] = "text"
    """One plain line, or one JSON object a line."""
    access: bool = False
    """Whether each HTTP request is written, without queries and secrets of its path."""

    @field_validator("level", "format", mode="before")
    @classmethod
    def _in_lower_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value
