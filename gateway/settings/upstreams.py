"""Settings of the three upstreams and of accounts: addresses, credentials and limits."""

from collections.abc import Mapping
from dataclasses import fields
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from gateway.settings.values import (
    AbsoluteUrl,
    Count,
    PerSecond,
    PositiveSeconds,
    Secret,
    SettingsGroup,
    Text,
    Urls,
    UserName,
)
from resolvers.upstreams.logistics.base_client import LogisticsPaths


class UpstreamLimits(SettingsGroup):
    """Limits of one upstream; process lifetime."""

    timeout_seconds: PositiveSeconds = 5
    """How long one attempt may take, in seconds."""
    concurrency: Count = 50
    """The maximum number of concurrent calls."""
    rate_per_second: PerSecond | None = None
    """Calls that may start in a second; unset, no limit until a 429 of the upstream suggests one."""
    max_answer_bytes: int = Field(default=16_777_216, ge=1024)
    """The maximum size of a decompressed response in bytes."""

    @property
    def alone(self) -> "UpstreamLimits":
        """The limits without the other settings of the upstream."""
        return UpstreamLimits(**{name: getattr(self, name) for name in UpstreamLimits.model_fields})


class DeliveriesSettings(UpstreamLimits):
    """The send-tasks API; process lifetime."""

    url: AbsoluteUrl
    """The base URL, with /api/v1."""
    token: Secret | None = None
    """A fixed bearer token."""
    email: Text | None = None
    """The e-mail address of the login, used without a fixed token."""
    password: Secret | None = None
    """The password of the login, used without a fixed token."""
    token_url: AbsoluteUrl | None = None
    """The token endpoint of the login."""

    @property
    def login_url(self) -> str:
        """The token endpoint: as configured, otherwise /oauth/token on the host of the base URL."""
        base = urlsplit(self.url)
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
    authorize_url: AbsoluteUrl = "https://app.gotsurge.co/oauth2/auth"
    """The consent page."""
    platform: bool = True
    """Whether tasks use the platform operations instead of the partner's own."""
    paths: LogisticsPaths = LogisticsPaths()
    """The paths of the operations, which the documents lack."""

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
