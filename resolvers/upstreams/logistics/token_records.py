"""What the token operations answer; no repr shows a token."""

from typing import Any

import msgspec

from resolvers.upstreams.texts import NonEmpty


class TokenPair(msgspec.Struct, frozen=True):
    """What a consent code is worth (document: Exchange Token)."""

    bearer_token: NonEmpty
    refresh_token: NonEmpty

    def __repr__(self) -> str:
        """The kind alone."""
        return "<TokenPair>"


class Refreshed(msgspec.Struct, frozen=True):
    """What a refresh token is worth (document: Demo Oauth2).

    Args:
        bearer_token: For the Authorization header.
        refresh_token: The one to use from now on, where the upstream replaces it; the document knows no such thing.
    """

    bearer_token: NonEmpty
    refresh_token: NonEmpty | None = None

    def __repr__(self) -> str:
        """The kind alone."""
        return "<Refreshed>"


class SsoTokens(msgspec.Struct, frozen=True):
    """What a session id is worth (document: SSO Exchange Token).

    Args:
        bearer_token: For the Authorization header.
        refresh_token: For a new bearer token later.
        user: Who signed in, as it came: the vendor does not document its fields.
    """

    bearer_token: NonEmpty
    refresh_token: NonEmpty
    user: Any = None

    def __repr__(self) -> str:
        """The kind alone."""
        return "<SsoTokens>"
