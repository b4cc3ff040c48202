"""Who may ask, through which account, and how much."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from gateway.settings.values import AbsoluteUrl, CommaList, Count, Lowered, Scopes, SettingsGroup, Sha256, Text

# Symmetric algorithms are left out: with a public key set they are what a key confusion attack needs.
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]


class AuthSettings(SettingsGroup):
    """How callers prove who they are, and what each may do; process lifetime."""

    anonymous: bool = False
    """Whether callers get in without credentials."""
    api_keys: dict[str, Sha256] = Field(default_factory=dict, repr=False)
    """The SHA-256 of each caller's key, by the caller's name."""
    api_key_scopes: dict[str, Scopes] = Field(default_factory=dict)
    """What a caller may do, by its name; a name that is not here may do everything."""
    api_key_account: dict[str, Lowered] = Field(default_factory=dict)
    """Whose upstream credentials a caller uses, by its name; a name that is not here uses the gateway's own."""
    jwks_url: AbsoluteUrl | None = None
    """Where the keys are that JWTs are signed with."""
    issuer: Text | None = None
    """The `iss` that a JWT must have."""
    audience: Text | None = None
    """The `aud` that a JWT must have."""
    algorithms: Annotated[tuple[Algorithm, ...], CommaList, Field(min_length=1)] = ("RS256",)
    """The algorithms that a JWT may be signed with."""
    account_claim: Text | None = None
    """The claim of a JWT that names its account; unset, JWTs use the gateway's own."""
    calls_per_minute: Count | None = None
    """How many upstream calls a caller may cause in a minute; unset, no budget."""
    sms_per_minute: Count | None = None
    """How many SMS a caller may have sent in a minute, each part for each recipient; unset, any number."""
    sms_per_day: Count | None = None
    """How many SMS a caller may have sent in a day, each part for each recipient; unset, any number."""

    @property
    def accepts_jwts(self) -> bool:
        """Whether a JWT can let a caller in."""
        return self.jwks_url is not None

    @property
    def lets_somebody_in(self) -> bool:
        """Whether anybody at all could get in."""
        return self.anonymous or bool(self.api_keys) or self.accepts_jwts


class SessionsSettings(SettingsGroup):
    """Where callers' own logistics tokens are kept, and for how long; process lifetime."""

    database: Text = "gateway-sessions.sqlite3"
    """The SQLite file that holds them, encrypted, where no Redis is configured."""
    lifetime_seconds: int = Field(default=2_592_000, ge=60)
    """How long a gateway session lives."""
    same_site: Literal["lax", "strict", "none"] = "lax"
    """Which pages' requests carry a session's cookie; none lets listed origins of other sites use it."""
    logins_per_minute: Count = 60
    """How many requests of logins one address may send in a minute."""
    all_logins_per_minute: Count = 600
    """How many requests of logins all addresses together may send in a minute."""

    @field_validator("same_site", mode="before")
    @classmethod
    def _in_lower_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value
