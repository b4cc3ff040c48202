"""The gateway as browsers see it: its own origin, the sites that may use it, and its cookies."""

from dataclasses import dataclass
from typing import Self

from gateway.auth.cookies import Cookies
from gateway.http.cross_site import CrossSiteRule
from gateway.http.origin import ListedOrigins, OwnOrigin
from gateway.settings.model import Settings


@dataclass(frozen=True, slots=True)
class Site:
    """The parts that concern browsers, built from the same settings; process lifetime.

    Args:
        own: The gateway's own origin.
        rule: Which pages may make a browser send requests.
        cookies: Reads and writes the gateway's cookies.
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
