"""Credentials of the simulated logistics API: bearer and refresh tokens, authorization codes, sign-on sessions.

Bearer tokens are JWTs, signed with a key derived from the seed, and expire by the sandbox's clock.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from gateway.sandbox.clock import Clock
from gateway.sandbox.generated_records import seeded_uuid
from gateway.sandbox.logistics.requests import check_required_text, forbidden, unauthenticated
from gateway.sandbox.logistics.tasks import PLATFORM_ID, wire_time
from gateway.sandbox.options import LogisticsOptions

ADMINISTRATOR: Final = "OrgAdmin"
_CREATED_AT: Final = "2024-01-15T02:30:00Z"


@dataclass(frozen=True, slots=True)
class Caller:
    """The authenticated caller; request lifetime."""

    roles: tuple[str, ...]

    def require_administrator(self) -> None:
        """Require the role OrgAdmin of a platform partner.

        Raises:
            Refused: 403 without it.
        """
        if ADMINISTRATOR not in self.roles:
            raise forbidden("Only a platform partner's OrgAdmin is authorized.")


class Credentials:
    """Issues and checks the credentials of callers; simulator lifetime.

    Args:
        clock: The sandbox's clock, by which tokens expire.
        seed: Decides the tokens.
        options: The partner's keys, the fixed tokens and the lifetimes of the others.
    """

    def __init__(self, clock: Clock, seed: int, options: LogisticsOptions) -> None:
        self._clock = clock
        self._seed = seed
        self._options = options
        self._key = hashlib.sha256(f"logistics sandbox {seed}".encode()).digest()
        self._issued = 0
        self._refresh_tokens = {options.refresh_token}
        self._codes = _SingleUse(clock, options.code_seconds)
        self._sessions = _SingleUse(clock, options.session_seconds)

    @property
    def user(self) -> Mapping[str, Any]:
        """The only user, as in the response of the session exchange."""
        return {
            # As on the vendor's public page of sign-ins; the document shows nothing of it.
            "id": seeded_uuid(self._seed, "user"),
            "email": "admin@example.com",
            "name": "Sandbox Admin",
            "roles": [ADMINISTRATOR],
            "org_id": seeded_uuid(self._seed, "partner organization"),
        }

    def caller(self, authorization: str | None) -> Caller:
        """Return the caller of an Authorization header.

        Raises:
            Refused: 401 if the header is missing, or its token is invalid or expired.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise unauthenticated("Send the header Authorization: Bearer <token>.")
        if hmac.compare_digest(token.encode(), self._options.token.encode()):
            return Caller((ADMINISTRATOR,))
        if hmac.compare_digest(token.encode(), self._options.restricted_token.encode()):
            return Caller(())
        claims = self._claims(token)
        if claims["exp"] <= self._clock.now().timestamp():
            raise unauthenticated("The bearer token has expired.")
        return Caller(tuple(claims["roles"]))

    def partner(self, signature: str) -> dict[str, Any]:
        """Return the partner detail for a signature; as documented, it includes the secret key.

        Args:
            signature: base64 of "client_key:secret_key".

        Raises:
            Refused: 401 if the signature is wrong.
        """
        expected = f"{self._options.client_key}:{self._options.secret_key}".encode()
        if not hmac.compare_digest(_decoded(signature), expected):
            raise unauthenticated("The signature is not the base64 of client_key:secret_key.")
        return {
            "id": PLATFORM_ID,
            "client_key": self._options.client_key,
            "secret_key": self._options.secret_key,
            "webhook_url": self._options.webhook_url,
            "name": "Sandbox Partner",
            "created_at": _CREATED_AT,
            "updated_by": self.user["id"],
            "updated_at": _CREATED_AT,
        }

    def is_client(self, client_key: str) -> bool:
        """Return whether this is the partner's key."""
        return hmac.compare_digest(client_key.encode(), self._options.client_key.encode())

    def issue_code(self) -> str:
        """Issue an authorization code, for one exchange."""
        return self._codes.issue(self._opaque("code"))

    def issue_session(self) -> str:
        """Issue the id of a single sign-on session, for one exchange."""
        self._issued += 1
        return self._sessions.issue(seeded_uuid(self._seed, "session", self._issued))

    def exchange_code(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return tokens for `{client_key, secret_key, code}`.

        Raises:
            Refused: 401 if one of them is wrong, or the code was used or has expired.
        """
        self._require_client(body)
        secret = check_required_text(body.get("secret_key"), "secret_key")
        if not hmac.compare_digest(secret.encode(), self._options.secret_key.encode()):
            raise unauthenticated("The secret_key is wrong.")
        if not self._codes.take(check_required_text(body.get("code"), "code")):
            raise unauthenticated("The code is unknown, used or too old.")
        return {**self._issue_tokens(), "server_time": wire_time(self._clock.now())}

    def exchange_session(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return tokens and the user for `{session_id}`.

        Raises:
            Refused: 401 if the session is unknown, was used or has expired.
        """
        # The document's request has nothing beside it.
        if not self._sessions.take(check_required_text(body.get("session_id"), "session_id")):
            raise unauthenticated("The session_id is unknown, used or too old.")
        return {**self._issue_tokens(), "user": self.user}

    def refresh(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return a new bearer token for `{client_key, refresh_token}`.

        With `replaces_refresh_tokens` also return a new refresh token and revoke the old one.

        Raises:
            Refused: 401 if one of the two is wrong.
        """
        self._require_client(body)
        # No secret_key: the document's request has none.
        refresh_token = check_required_text(body.get("refresh_token"), "refresh_token")
        if refresh_token not in self._refresh_tokens:
            raise unauthenticated("The refresh_token is unknown.")
        # The document's answer has a bearer token and nothing else.
        if not self._options.replaces_refresh_tokens:
            return {"bearer_token": self._bearer_token()}
        self._refresh_tokens.remove(refresh_token)
        return self._issue_tokens()

    def _require_client(self, body: Mapping[str, Any]) -> None:
        if not self.is_client(check_required_text(body.get("client_key"), "client_key")):
            raise unauthenticated("The client_key is unknown.")

    def _issue_tokens(self) -> dict[str, Any]:
        refresh_token = self._opaque("refresh")
        self._refresh_tokens.add(refresh_token)
        return {"bearer_token": self._bearer_token(), "refresh_token": refresh_token}

    def _opaque(self, kind: str) -> str:
        self._issued += 1
        return hmac.new(self._key, f"{kind} {self._issued}".encode(), hashlib.sha256).hexdigest()

    def _bearer_token(self) -> str:
        self._issued += 1
        now = self._clock.now()
        claims = {
            "sub": self.user["id"],
            "org_id": self.user["org_id"],
            "roles": self.user["roles"],
            "iat": int(now.timestamp()),
            "exp": (now + timedelta(seconds=self._options.token_seconds)).timestamp(),
            # Two tokens of one moment would be equal without it.
            "jti": str(self._issued),
        }
        signed = b".".join(_base64url(orjson.dumps(part)) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
        return b".".join((signed, self._signature(signed))).decode()

    def _claims(self, token: str) -> dict[str, Any]:
        # The signature covers header and claims, so claims are read only after it was checked.
        signed, _, signature = token.encode().rpartition(b".")
        if not hmac.compare_digest(signature, self._signature(signed)):
            raise unauthenticated("The bearer token is not valid.")
        claims: dict[str, Any] = orjson.loads(_decoded(signed.partition(b".")[2].decode()))
        return claims

    def _signature(self, signed: bytes) -> bytes:
        return _base64url(hmac.new(self._key, signed, hashlib.sha256).digest())


class _SingleUse:
    """Values that can be taken once before they expire; simulator lifetime."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._lifetime = timedelta(seconds=seconds)
        self._expire: dict[str, datetime] = {}

    def issue(self, value: str) -> str:
        self._expire[value] = self._clock.now() + self._lifetime
        return value

    def take(self, value: str) -> bool:
        # Removed before the check, so that no value can be tried twice.
        expires_at = self._expire.pop(value, None)
        return expires_at is not None and self._clock.now() < expires_at


def _base64url(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")


def _decoded(text: str) -> bytes:
    """Decode base64 of either alphabet, padded or not; return no bytes if it is invalid."""
    # The document calls the signature base64 and lowercase hex at once, and names no alphabet.
    digits = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except ValueError:
        return b""
