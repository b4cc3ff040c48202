"""What the gateway is to browsers: its own origin, the pages of other sites that may use it, and its cookies."""

from dataclasses import dataclass
from typing import Self

from gateway.auth.cookies import Cookies
from gateway.http.cross_site import CrossSiteRule
from gateway.http.origin import ListedOrigins, OwnOrigin
from gateway.settings.model import Settings


@dataclass(frozen=True, slots=True)
class Site:
    """One gateway as browsers see it; process lifetime.

    Args:
        own: Where browsers reach it.
        rule: Which pages may make a browser send it requests.
        cookies: Reads and writes its cookies.
    """

    own: OwnOrigin
    rule: CrossSiteRule
    cookies: Cookies

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Build it from the settings."""
        own = OwnOrigin(settings.public_url)
        rule = CrossSiteRule(own, ListedOrigins(settings.cors_origins), settings.cors_headers)
        return cls(own, rule, Cookies(own, settings.sessions.same_site))
