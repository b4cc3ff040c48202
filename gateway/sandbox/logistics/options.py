"""How the simulated logistics API is set up; every value has a default that the sandbox and the tests can rely on."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LogisticsOptions:
    """Settings of one simulator; a value.

    Attributes:
        client_key: The partner's key.
        secret_key: The partner's secret.
        token: A bearer token that never expires, of a platform partner's OrgAdmin.
        restricted_token: One of a user without a role: right for `/tasks` and `/price`, 403 for `/platform`.
        refresh_token: A refresh token that never expires.
        replaces_refresh_tokens: Whether a refresh answers a new refresh token as well and takes the old one no more; no
            document says so, and servers after RFC 9700 do.
        token_seconds: How long a bearer token lives that was issued; 30 days by the document.
        code_seconds: How long an authorization code can be exchanged.
        session_seconds: How long the session of a single sign-on can be exchanged.
        webhook_url: What the partner detail shows.
        pace: Factor on the time that tasks spend in each status; 0.1 is ten times as fast.
        failing_share: Share of the tasks, 0 to 1, that end in something other than complete.
    """

    client_key: str = "sandbox-client-key"
    secret_key: str = field(default="sandbox-secret-key", repr=False)
    token: str = field(default="sandbox-logistics-token", repr=False)
    restricted_token: str = field(default="sandbox-logistics-restricted-token", repr=False)
    refresh_token: str = field(default="sandbox-logistics-refresh-token", repr=False)
    replaces_refresh_tokens: bool = False
    token_seconds: float = 30 * 24 * 3600
    code_seconds: float = 600
    session_seconds: float = 120
    webhook_url: str = ""
    pace: float = 1.0
    failing_share: float = 0.15
