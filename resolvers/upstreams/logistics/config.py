"""What the clients of the logistics API must be told."""

from dataclasses import dataclass, field

from resolvers.upstreams.logistics.paths import LogisticsPaths


@dataclass(frozen=True, slots=True)
class LogisticsConfig:
    """One account at the logistics API; account lifetime.

    Args:
        base_url: What the paths stand below; a slash at its end is ignored.
        platform: Whether the account is a platform partner's, which lists, updates, drafts and has organizations.
        paths: Where the operations are.
        client_key: Names the partner; needed for its own record and for tokens.
        secret_key: Belongs to it; never shown.
    """

    base_url: str
    platform: bool = True
    paths: LogisticsPaths = field(default_factory=LogisticsPaths)
    client_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
