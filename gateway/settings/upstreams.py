"""Where the three upstreams are, with which credentials, and how hard they may be asked."""

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
from resolvers.upstreams.logistics.paths import LogisticsPaths


class UpstreamLimits(SettingsGroup):
    """What every upstream has; process lifetime."""

    timeout_seconds: PositiveSeconds = 5
    """How long one try may take."""
    concurrency: Count = 50
    """How many calls may run at once."""
    rate_per_second: PerSecond | None = None
    """How many calls may start in a second; unset, no rate until an upstream's 429 teaches one."""
    max_answer_bytes: int = Field(default=16_777_216, ge=1024)
    """How large an answer may be once decompressed."""

    @property
    def alone(self) -> "UpstreamLimits":
        """These, without what an upstream has beside them."""
        return UpstreamLimits(**{name: getattr(self, name) for name in UpstreamLimits.model_fields})


class DeliveriesSettings(UpstreamLimits):
    """The send-tasks API; process lifetime."""

    url: AbsoluteUrl
    """The base URL, with /api/v1."""
    token: Secret | None = None
    """A fixed bearer token."""
    email: Text | None = None
    """With which to log in where there is no fixed token."""
    password: Secret | None = None
    """With which to log in where there is no fixed token."""
    token_url: AbsoluteUrl | None = None
    """Where to log in."""

    @property
    def login_url(self) -> str:
        """Where to log in: as set, else /oauth/token on the base URL's host."""
        base = urlsplit(self.url)
        return self.token_url or f"{base.scheme}://{base.netloc}/oauth/token"


class SmsSettings(UpstreamLimits):
    """The SMS API; process lifetime."""

    urls: Urls
    """The data centres' base URLs with /rest/v1, the primary first."""
    send_url: AbsoluteUrl | None = None
    """Where jobs are posted."""
    username: UserName
    """The login ID for HTTP Basic."""
    password: Secret
    """The password for HTTP Basic."""
    hedge: bool = True
    """Whether a slow read is also sent to the secondary data centre."""

    @property
    def posting_url(self) -> str:
        """Where jobs are posted: as set, else the primary data centre."""
        return self.send_url or self.urls[0]


class LogisticsSettings(UpstreamLimits):
    """The logistics API; process lifetime."""

    url: AbsoluteUrl
    """The base URL of the REST paths."""
    token: Secret | None = None
    """A fixed bearer token, or the first one where there is a refresh token."""
    client_key: Text | None = None
    """The partner's key."""
    secret_key: Secret | None = None
    """The partner's secret."""
    refresh_token: Secret | None = None
    """With which a new bearer token is fetched before the old one runs out, and on a 401."""
    authorize_url: AbsoluteUrl = "https://app.gotsurge.co/oauth2/auth"
    """The consent page."""
    platform: bool = True
    """Whether tasks go through the platform operations; else through the partner's own."""
    paths: LogisticsPaths = LogisticsPaths()
    """The paths of the operations, which the documents lost."""

    @field_validator("paths", mode="before")
    @classmethod
    def _name_each_wrong_path(cls, paths: object) -> object:
        known = {field.name for field in fields(LogisticsPaths)}
        if isinstance(paths, Mapping) and paths.keys() <= known:
            wrong = [complaint for name in paths if (complaint := _path_complaint(name, paths[name]))]
            if wrong:
                raise ValueError(" ".join(wrong))
        return paths


class AccountSettings(SettingsGroup):
    """A tenant's own credentials, completed by the gateway's own addresses and limits; process lifetime.

    An upstream of which the account has no credentials is unconfigured for its callers.
    """

    deliveries: DeliveriesSettings | None = None
    """The send-tasks API as this account."""
    sms: SmsSettings | None = None
    """The SMS API as this account."""
    logistics: LogisticsSettings | None = None
    """The logistics API as this account."""


def _path_complaint(operation: str, path: object) -> str | None:
    try:
        LogisticsPaths(**{operation: str(path)})
    except ValueError as error:
        return str(error)
    return None
