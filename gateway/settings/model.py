"""All settings in one frozen model."""

from pydantic import Field, field_validator

from gateway.settings.callers import AuthSettings, SessionsSettings
from gateway.settings.groups import CacheSettings, ConnectionsSettings, EventsSettings, LimitsSettings, LogSettings
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
    """Everything that an operator can set; process lifetime.

    Built by `load_settings`, which applies the rules between settings as well; built directly, in tests and in the
    sandbox, each value is checked and the rules between them are not.
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
    """The port to listen on; 0 takes a free one."""
    workers: Count = 1
    """How many processes answer."""
    grace_seconds: int = Field(default=10, ge=0)
    """How long a process that was told to stop may finish what it has begun."""
    drain_seconds: Seconds = 5
    """How long a process that was told to stop still takes work, while `/readyz` says that it ends."""
    public_url: AbsoluteUrl | None = None
    """Where browsers reach the gateway; unset, as each request's Host header says."""
    trusted_proxies: Networks = ()
    """The proxies whose X-Forwarded-For and X-Forwarded-Proto are believed."""

    redis_url: RedisUrl | None = None
    """The shared cache, events and locks; unset, everything lives in the one process."""
    redis_prefix: str = "gateway:"
    """What every key in Redis begins with."""
    secret_keys: SecretKeys = ()
    """The first encrypts stored tokens, all decrypt."""

    deadline_seconds: PositiveSeconds = 15
    """What one operation may take in all."""
    max_body_bytes: int = Field(default=1_048_576, ge=1024)
    """How large a request may be."""
    trusted_documents: ExistingFile | None = None
    """The manifest of the only operations that are accepted."""
    introspection: bool = True
    """Whether clients may ask for the schema; see `answers_introspection`."""
    ide: bool = True
    """Whether GET /graphql shows the IDE; see `serves_ide`."""
    cors_origins: Origins = ()
    """The origins of other sites whose pages may ask."""
    cors_headers: HeaderNames = ()
    """The request headers that pages of these origins may send; unset, those that they ask for."""
    webhook_secret: WebhookSecret | None = None
    """The last part of the webhook's path; unset, there is no webhook."""
    webhook_allow: Networks = ()
    """From where webhooks are taken; empty is anywhere."""

    auth: AuthSettings = AuthSettings()
    """Who may ask."""
    sessions: SessionsSettings = SessionsSettings()
    """Callers' own logistics tokens."""
    cache: CacheSettings = CacheSettings()
    """What is kept, and how long."""
    events: EventsSettings = EventsSettings()
    """Status changes and who follows them."""
    connections: ConnectionsSettings = ConnectionsSettings()
    """What a client may hold of the server."""
    limits: LimitsSettings = LimitsSettings()
    """How much one operation may ask for."""
    log: LogSettings = LogSettings()
    """What is written to standard error."""

    @field_validator("host")
    @classmethod
    def _not_empty(cls, host: str) -> str:
        if not host or " " in host:
            raise ValueError("must be an address of this machine such as 127.0.0.1, or 0.0.0.0 for all of them")
        return host

    @property
    def answers_introspection(self) -> bool:
        """Whether introspection is answered: as set, but never with trusted documents."""
        return self.introspection and self.trusted_documents is None

    @property
    def serves_ide(self) -> bool:
        """Whether the IDE is served: as set, but never with trusted documents."""
        return self.ide and self.trusted_documents is None
