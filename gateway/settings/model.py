"""The root model of all settings."""

from pydantic import Field, field_validator

from gateway.settings.groups import (
    AuthSettings,
    CacheSettings,
    ConnectionsSettings,
    EventsSettings,
    LimitsSettings,
    LogSettings,
    SessionsSettings,
)
from gateway.settings.upstreams import AccountSettings, DeliveriesSettings, LogisticsSettings, SmsSettings
from gateway.settings.values import (
    AbsoluteUrl,
    Count,
    ExistingFile,
    HeaderNames,
    Networks,
    Origins,
    Port,
    PositiveSeconds,
    RedisUrl,
    Seconds,
    SecretKeys,
    SettingsGroup,
    WebhookSecret,
)


class Settings(SettingsGroup):
    """All settings; process lifetime.

    `load_settings` also checks the rules across settings. Constructing the model directly checks each value only.
    """

    deliveries: DeliveriesSettings | None = None
    """The send-tasks API; None is unconfigured."""
    sms: SmsSettings | None = None
    """The SMS API; None is unconfigured."""
    logistics: LogisticsSettings | None = None
    """The logistics API; None is unconfigured."""
    accounts: dict[str, AccountSettings] = Field(default_factory=dict)
    """Tenants' own upstream credentials, by the account's name in lower case."""

    host: str = "127.0.0.1"
    """The address to listen on."""
    port: Port = 8000
    """The port to listen on; 0 selects a free one."""
    workers: Count = 1
    """The number of worker processes."""
    grace_seconds: int = Field(default=10, ge=0)
    """How long a stopping process may finish running requests, in seconds."""
    drain_seconds: Seconds = 5
    """How long a stopping process still accepts requests while `/readyz` reports that it stops, in seconds."""
    public_url: AbsoluteUrl | None = None
    """The URL at which browsers reach the gateway; unset, it is derived from each request's Host header."""
    trusted_proxies: Networks = ()
    """The proxies whose X-Forwarded-For and X-Forwarded-Proto are trusted."""

    redis_url: RedisUrl | None = None
    """Redis for the shared cache, events and locks; unset, each process has its own."""
    redis_prefix: str = "gateway:"
    """The prefix of every key in Redis."""
    secret_keys: SecretKeys = ()
    """The keys for stored tokens: the first encrypts, all decrypt."""

    deadline_seconds: PositiveSeconds = 15
    """The deadline of one operation in seconds."""
    max_body_bytes: int = Field(default=1_048_576, ge=1024)
    """The maximum size of a request body in bytes."""
    trusted_documents: ExistingFile | None = None
    """The manifest of the accepted operations; unset, all operations are accepted."""
    introspection: bool = True
    """Whether introspection is enabled; see `answers_introspection`."""
    ide: bool = True
    """Whether GET /graphql shows the IDE; see `serves_ide`."""
    cors_origins: Origins = ()
    """The origins of other sites whose pages may send requests."""
    cors_headers: HeaderNames = ()
    """The request headers that pages of these origins may send; unset, those that they request."""
    webhook_secret: WebhookSecret | None = None
    """The last segment of the webhook's path; unset, there is no webhook."""
    webhook_allow: Networks = ()
    """The networks from which webhooks are accepted; empty, from anywhere."""

    auth: AuthSettings = AuthSettings()
    """Authentication and permissions of callers."""
    sessions: SessionsSettings = SessionsSettings()
    """Sessions with the callers' own logistics tokens."""
    cache: CacheSettings = CacheSettings()
    """Lifetimes and size of the cache."""
    events: EventsSettings = EventsSettings()
    """Status changes and subscriptions."""
    connections: ConnectionsSettings = ConnectionsSettings()
    """Limits of client connections."""
    limits: LimitsSettings = LimitsSettings()
    """Limits of one operation."""
    log: LogSettings = LogSettings()
    """The log on standard error."""

    @field_validator("host")
    @classmethod
    def _not_empty(cls, host: str) -> str:
        if not host or " " in host:
            raise ValueError("must be an address of this machine such as 127.0.0.1, or 0.0.0.0 for all of them")
        return host

    @property
    def answers_introspection(self) -> bool:
        """Whether introspection is answered: as configured, but never with trusted documents."""
        return self.introspection and self.trusted_documents is None

    @property
    def serves_ide(self) -> bool:
        """Whether the IDE is served: as configured, but never with trusted documents."""
        return self.ide and self.trusted_documents is None
