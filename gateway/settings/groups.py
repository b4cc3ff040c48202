"""Groups of settings: callers, sessions, cache, events, connections, compression, limits and the log."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from gateway.http.request import MAX_CONTAINERS
from gateway.settings.values import (
    AbsoluteUrl,
    CommaList,
    Count,
    Lowered,
    PositiveSeconds,
    Scopes,
    Seconds,
    SettingsGroup,
    Sha256,
    Text,
)

# Symmetric algorithms are excluded: with a public key set they allow a key confusion attack.
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]


class AuthSettings(SettingsGroup):
    """Authentication and permissions of callers; process lifetime."""

    anonymous: bool = False
    """Whether callers without credentials are accepted."""
    api_keys: dict[str, Sha256] = Field(default_factory=dict, repr=False)
    """The SHA-256 of each caller's API key, by caller name."""
    api_key_scopes: dict[str, Scopes] = Field(default_factory=dict)
    """The scopes of a caller, by caller name; a caller without an entry has all scopes."""
    api_key_account: dict[str, Lowered] = Field(default_factory=dict)
    """The account whose upstream credentials a caller uses, by caller name; the default is the gateway's own."""
    jwks_url: AbsoluteUrl | None = None
    """The URL of the key set that signs JWTs."""
    issuer: Text | None = None
    """The required `iss` of a JWT."""
    audience: Text | None = None
    """The required `aud` of a JWT."""
    algorithms: Annotated[tuple[Algorithm, ...], CommaList, Field(min_length=1)] = ("RS256",)
    """The accepted signature algorithms of a JWT."""
    account_claim: Text | None = None
    """The claim of a JWT that names its account; unset, JWTs use the gateway's own credentials."""
    calls_per_minute: Count | None = None
    """Upstream calls that a caller may cause in a minute; unset, no limit."""
    sms_per_minute: Count | None = None
    """SMS that a caller may send in a minute, counted by part and recipient; unset, no limit."""
    sms_per_day: Count | None = None
    """SMS that a caller may send in a day, counted by part and recipient; unset, no limit."""

    @property
    def accepts_jwts(self) -> bool:
        """Whether callers may authenticate with a JWT."""
        return self.jwks_url is not None

    @property
    def accepts_any_caller(self) -> bool:
        """Whether any caller could be accepted."""
        return self.anonymous or bool(self.api_keys) or self.accepts_jwts


class SessionsSettings(SettingsGroup):
    """Sessions with the callers' own logistics tokens; process lifetime."""

    database: Text = "gateway-sessions.sqlite3"
    """The SQLite file for encrypted sessions, used without Redis."""
    lifetime_seconds: int = Field(default=2_592_000, ge=60)
    """Lifetime of a session in seconds."""
    same_site: Literal["lax", "strict", "none"] = "lax"
    """The SameSite attribute of the session cookie; none lets the listed origins of other sites use it."""
    logins_per_minute: Count = 60
    """Login requests that one address may send in a minute."""
    all_logins_per_minute: Count = 600
    """Login requests that all addresses together may send in a minute."""

    @field_validator("same_site", mode="before")
    @classmethod
    def _in_lower_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value


class IdempotencySettings(SettingsGroup):
    """What is kept of idempotency keys; process lifetime."""

    database: Text = "gateway-idempotency.sqlite3"
    """The SQLite file for encrypted outcomes, used without Redis."""
    keep_seconds: int = Field(default=86_400, ge=60)
    """How long a key is kept after it was first used, in seconds."""
    keys_per_caller: Count = 10_000
    """Keys that a caller may have kept at a time; each KiB of an outcome counts as one more."""


class CacheSettings(SettingsGroup):
    """Lifetimes and size of the cache; process lifetime."""

    enabled: bool = True
    """Whether records and responses are cached."""
    coalesce: bool = True
    """Whether equal concurrent calls and operations are shared."""
    ttl_final: Seconds = 86_400
    """Seconds for a record whose status no longer changes."""
    ttl_active: Seconds = 5
    """Seconds for a record whose status may change."""
    ttl_reference: Seconds = 600
    """Seconds for products, upload identifications and organizations."""
    ttl_relationship: Seconds = 86_400
    """Seconds for relationships that cannot change."""
    ttl_quote: Seconds = 60
    """Seconds for a price quote."""
    ttl_missing: Seconds = 5
    """Seconds for the result that a record does not exist."""
    grace: Seconds = 600
    """Seconds past its TTL in which a record may still be served stale."""
    max_entries: Count = 100_000
    """The maximum number of entries in one process."""
    max_bytes: int = Field(default=268_435_456, ge=1_048_576)
    """The maximum size of the entries in one process in bytes."""


class EventsSettings(SettingsGroup):
    """Status changes: polls, the event log and subscriptions; process lifetime."""

    poll_min_seconds: PositiveSeconds = 2
    """The interval between polls of a record that has just changed."""
    poll_max_seconds: PositiveSeconds = 60
    """The longest interval between polls of a record that does not change."""
    keep_seconds: PositiveSeconds = 86_400
    """How long an event can be replayed, in seconds."""
    max_events: Count = 100_000
    """How many events can be replayed."""
    connections_per_caller: Count = 100
    """Connections that a caller may have open in one process."""
    subscriptions_per_connection: Count = 50
    """Subscriptions on one connection."""
    init_timeout_seconds: PositiveSeconds = 10
    """How long a WebSocket may stay open without `connection_init`, in seconds."""
    ping_seconds: PositiveSeconds = 25
    """The interval between pings on an open connection."""
    ticket_seconds: PositiveSeconds = 30
    """How long a ticket can be used that opens one stream in place of credentials, in seconds."""
    queue_size: Count = 256
    """Events that may wait for one subscriber before they are merged."""


class ConnectionsSettings(SettingsGroup):
    """Limits of client connections; process lifetime."""

    max_open: Count = 10_000
    """Open connections of one process; further ones are answered 503."""
    head_seconds: PositiveSeconds = 10
    """How long a new connection may be silent, and how long the head of a request may take, in seconds."""
    body_seconds: PositiveSeconds = 10
    """How long the body of a request may take, in seconds, plus one second for each 8 KiB received."""
    # Whole, as uvicorn's timeout is.
    idle_seconds: Count = 60
    """How long an idle connection is kept, in seconds."""


class CompressionSettings(SettingsGroup):
    """Compression of responses; process lifetime."""

    enabled: bool = True
    """Whether responses are compressed for clients that accept it."""
    streams: bool = True
    """Whether streams of server-sent events and multipart responses are compressed as well."""
    min_bytes: Count = 1024
    """The size from which a response is compressed, in bytes."""


class LimitsSettings(SettingsGroup):
    """Limits of one operation, and of one request; process lifetime."""

    cost: Count = 300
    """Estimated upstream calls."""
    nodes: Count = 50_000
    """Estimated objects in the response."""
    response_bytes: Count = 16_777_216
    """Bytes of a response, and of one event of a subscription."""
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
    batch: Annotated[int, Field(ge=0)] = 10
    """Operations in one request, a JSON array; 0 or 1 refuses arrays."""
    # With more, the check of their depth gives up (`gateway/http/request.py`), so this limit has to refuse them.
    variable_values: Annotated[Count, Field(le=MAX_CONTAINERS)] = MAX_CONTAINERS
    """JSON values in the variables, including those in lists and objects."""


class LogSettings(SettingsGroup):
    """The log on standard error; process lifetime."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The lowest level that is logged."""
    format: Literal["text", "json"] = "text"
    """Plain text or JSON, one record a line."""
    access: bool = False
    """Whether HTTP requests are logged, without queries and secrets in paths."""
    operations: bool = True
    """Whether operations that failed or were slow are logged, without variables and literals."""
    operations_sample: Annotated[float, Field(ge=0, le=1)] = 0.0
    """The share of the other operations that is logged as well."""
    slow_seconds: PositiveSeconds = 1.0
    """From which duration on an operation counts as slow."""

    @field_validator("level", "format", mode="before")
    @classmethod
    def _in_lower_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value
