"""Bearer tokens of the simulated send-tasks API: password and refresh grants at /oauth/token, as in Laravel."""

from datetime import datetime, timedelta
from random import Random
from typing import Any

import orjson

Answer = tuple[int, dict[str, Any]]


class DeliveriesLogin:
    """Issues and checks bearer tokens; simulator lifetime.

    Args:
        email: The login of the only account.
        password: Its password.
        fixed_token: A token that never expires, or None.
        token_seconds: Lifetime of the other tokens in seconds.
        random: Draws the tokens.
    """

    def __init__(
        self, *, email: str, password: str, fixed_token: str | None, token_seconds: int, random: Random
    ) -> None:
        self._credentials = (email, password)
        self._fixed_token = fixed_token
        self._token_seconds = token_seconds
        self._random = random
        self._expires_at: dict[str, datetime] = {}
        self._refresh_tokens: set[str] = set()

    def accepts(self, authorization: str | None, now: datetime) -> bool:
        """Return whether the Authorization header holds a valid token."""
        scheme, _, token = (authorization or "").partition(" ")
        # The case of a scheme does not count (RFC 9110, 11.1).
        if scheme.lower() != "bearer" or not token:
            return False
        if token == self._fixed_token:
            return True
        expires_at = self._expires_at.get(token)
        return expires_at is not None and now < expires_at

    def answer(self, body: bytes, now: datetime) -> Answer:
        """Answer a token request.

        Args:
            body: JSON with grant_type, and email and password or refresh_token.
            now: The current time.

        Returns:
            The status and the JSON of the response.
        """
        request = _json_object(body)
        match request:
            # `email` instead of the `username` of OAuth 2.0, as in the vendor's tutorial.
            case {"grant_type": "password", "email": str(email), "password": str(password)}:
                granted = (email, password) == self._credentials
                return self._grant(now) if granted else _refused("The user credentials were incorrect.")
            # No page of the vendor shows this grant; it is assumed, as Laravel Passport has it.
            case {"grant_type": "refresh_token", "refresh_token": str(token)}:
                return self._refresh(token, now)
            case {"grant_type": "password" | "refresh_token"}:
                return _refused("A parameter of this grant is missing.", error="invalid_request")
        return _refused("The authorization grant type is not supported.", error="unsupported_grant_type")

    def _refresh(self, token: str, now: datetime) -> Answer:
        if token not in self._refresh_tokens:
            return _refused("The refresh token is invalid.")
        # As in Laravel, each refresh token is good for one refresh.
        self._refresh_tokens.remove(token)
        return self._grant(now)

    def _grant(self, now: datetime) -> Answer:
        access, refresh = self._token(), self._token()
        self._expires_at[access] = now + timedelta(seconds=self._token_seconds)
        self._refresh_tokens.add(refresh)
        return 200, {
            "token_type": "Bearer",
            "expires_in": self._token_seconds,
            "access_token": access,
            "refresh_token": refresh,
        }

    def _token(self) -> str:
        return f"{self._random.getrandbits(256):064x}"


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return request if isinstance(request, dict) else {}


def _refused(reason: str, *, error: str = "invalid_grant") -> Answer:
    # No public page shows a refused login; this is the form of Laravel Passport.
    return 400, {"error": error, "error_description": reason, "message": reason}
