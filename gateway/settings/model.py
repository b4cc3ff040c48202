"""The root model of all settings, and the groups of the upstreams and accounts."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from gateway.settings.groups import (
    AuthSettings,
    CacheSettings,
    CompressionSettings,
    ConnectionsSettings,
    EventsSettings,
    IdempotencySettings,
    LimitsSettings,
    LogSettings,
    SessionsSettings,
)
from gateway.settings.values import (
    AbsoluteUrl,
    Count,
    ExistingFile,
    HeaderNames,
    Networks,
    Origins,
    PerSecond,
    Port,
    PositiveSeconds,
    ReadFile,
    RedisUrl,
    Seconds,
    Secret,
    SecretKeys,
    SettingsGroup,
    Sha256,
    Text,
    Urls,
    UserName,
    WebhookSecret,
)
from resolvers.upstreams.logistics.base_client import LogisticsPaths
from resolvers.upstreams.transport.wire.client_tls import TlsFiles


class UpstreamLimits(SettingsGroup):
    """Limits of one upstream, and what its connections are made with; process lifetime."""

    timeout_seconds: PositiveSeconds = 5
    """How long one attempt may take, in seconds."""
    concurrency: Count = 50
    """The maximum number of concurrent calls."""
    rate_per_second: PerSecond | None = None
    """Calls that may start in a second; unset, no limit until a 429 of the upstream suggests one."""
    max_answer_bytes: int = Field(default=16_777_216, ge=1024)
    """The maximum size of a decompressed response in bytes."""
    propagate_traces: bool = False
    """Whether calls carry the id, the trace and the baggage of the request that they are made for."""
    ca_file: ReadFile | None = None
    """The certificates of the authorities to trust in place of the system's."""
    client_certificate_file: ReadFile | None = None
    """The client certificate for an upstream that wants one, followed by those that lead to its authority."""
    client_key_file: ReadFile | None = None
    """The private key of the client certificate."""

    @property
    def tls(self) -> TlsFiles:
        """What connections trust and show."""
        return TlsFiles(self.ca_file, self.client_certificate_file, self.client_key_file)

    @property
    def limits_only(self) -> "UpstreamLimits":
        """The settings that all upstreams have, by which accounts at one address are compared."""
        # A model of its own, because it has to be equal and a key without the credentials.
        return UpstreamLimits(**{name: getattr(self, name) for name in UpstreamLimits.model_fields})


class DeliveriesSettings(UpstreamLimits):
    """The send-tasks API; process lifetime."""

    url: AbsoluteUrl
    """The base URL, with /api/v1."""
    token: Secret | None = None
    """A fixed bearer token."""
    email: Text | None = None
    """The e-mail address of the login, used without a fixed token and once that is refused."""
    password: Secret | None = None
    """The password of the login, used without a fixed token and once that is refused."""
    token_url: AbsoluteUrl | None = None
    """The token endpoint of the login."""
    list_order: Literal["oldest_first", "newest_first"] = "oldest_first"
    """Which end of a list the API serves first, which its documents do not say."""

    @property
    def login_url(self) -> str:
        """The token endpoint: as configured, otherwise /oauth/token on the host of the base URL."""
        base = urlsplit(self.url)
        # Not below the base path, by the vendor's tutorial.
        return self.token_url or f"{base.scheme}://{base.netloc}/oauth/token"


class SmsSettings(UpstreamLimits):
    """The SMS API; process lifetime."""

    urls: Urls
    """The data centres' base URLs with /rest/v1, the primary first."""
    send_url: AbsoluteUrl | None = None
    """The base URL that jobs are posted to; unset, the primary data centre."""
    username: UserName
    """The login ID for HTTP Basic."""
    password: Secret
    """The password for HTTP Basic."""
    hedge: bool = True
    """Whether a slow read is also sent to the secondary data centre."""

    @property
    def posting_url(self) -> str:
        """The base URL that jobs are posted to: as configured, otherwise the primary data centre."""
        return self.send_url or self.urls[0]


class LogisticsSettings(UpstreamLimits):
    """The logistics API; process lifetime."""

    url: AbsoluteUrl
    """The base URL of the REST paths."""
    token: Secret | None = None
    """A fixed bearer token, or the first one if there is a refresh token."""
    client_key: Text | None = None
    """The partner's key."""
    secret_key: Secret | None = None
    """The partner's secret."""
    refresh_token: Secret | None = None
    """The refresh token; a new bearer token is fetched before the old one expires, and after a 401."""
    # Production (document: Environment Url).
    authorize_url: AbsoluteUrl = "https://app.gotsurge.co/oauth2/auth"
    """The consent page."""
    platform: bool = True
    """Whether tasks use the platform operations instead of the partner's own."""
    paths: LogisticsPaths = LogisticsPaths()
    """The paths of the operations, which the documents lack."""

    # Before pydantic, which would report the first wrong path only.
    @field_validator("paths", mode="before")
    @classmethod
    def _name_each_wrong_path(cls, paths: object) -> object:
        known = {field.name for field in fields(LogisticsPaths)}
        if isinstance(paths, Mapping) and paths.keys() <= known:
            wrong = [problem for name in paths if (problem := _path_problem(name, paths[name]))]
            if wrong:
                raise ValueError(" ".join(wrong))
        return paths


class AccountSettings(SettingsGroup):
    """A tenant's own credentials; addresses and limits default to the gateway's; process lifetime.

    An upstream without credentials of the account is unconfigured for its callers.
    """

    deliveries: DeliveriesSettings | None = None
    """The send-tasks API for this account."""
    sms: SmsSettings | None = None
    """The SMS API for this account."""
    logistics: LogisticsSettings | None = None
    """The logistics API for this account."""


def _path_problem(operation: str, path: object) -> str | None:
    try:
        LogisticsPaths(**{operation: str(path)})
    except ValueError as error:
        return str(error)
    return None


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
    # Whole, as uvicorn's timeout is.
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

    status_key: Sha256 | None = Field(default=None, repr=False)
    """The SHA-256 of the operators' key to /status; unset, there is no such page."""

    auth: AuthSettings = AuthSettings()
    """Authentication and permissions of callers."""
    sessions: SessionsSettings = SessionsSettings()
    """Sessions with the callers' own logistics tokens."""
    idempotency: IdempotencySettings = IdempotencySettings()
    """What is kept of idempotency keys."""
    cache: CacheSettings = CacheSettings()
    """Lifetimes and size of the cache."""
    events: EventsSettings = EventsSettings()
    """Status changes and subscriptions."""
    connections: ConnectionsSettings = ConnectionsSettings()
    """Limits of client connections."""
    compression: CompressionSettings = CompressionSettings()
    """Compression of responses."""
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
    def propagates_traces(self) -> bool:
        """Whether any upstream gets the ids of requests and traces."""
        groups: list[Settings | AccountSettings] = [self, *self.accounts.values()]
        upstreams = [one for group in groups for one in (group.deliveries, group.sms, group.logistics)]
        return any(upstream is not None and upstream.propagate_traces for upstream in upstreams)

    @property
    def answers_introspection(self) -> bool:
        """Whether introspection is answered: as configured, but never with trusted documents."""
        return self.introspection and self.trusted_documents is None

    @property
    def serves_ide(self) -> bool:
        """Whether the IDE is served: as configured, but never with trusted documents."""
        return self.ide and self.trusted_documents is None
