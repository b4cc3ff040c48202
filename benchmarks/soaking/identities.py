"""Who asks during the soak: callers with API keys, with JSON Web Tokens, and with sessions of their own."""

import asyncio
import hashlib
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Literal

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from jwt.algorithms import ECAlgorithm
from starlette.types import Receive, Scope, Send

from gateway.sandbox.logistics.credentials import Credentials
from soaking.client import Connections

API_KEYS: Final = 50
TENANTS: Final = 40
_LOGINS_AT_ONCE: Final = 4
_LOGIN_SECONDS: Final = 20.0

Kind = Literal["key", "jwt", "session"]


@dataclass
class Identity:
    """A caller; run lifetime.

    Args:
        number: From 0.
        kind: How it shows who it is.
        stamp: The name of the upstream credentials that it must be answered with; empty before its login.
        headers: The header with its key or token; empty before its login.
    """

    number: int
    kind: Kind
    stamp: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def logistics_only(self) -> bool:
        """Whether it may ask for logistics tasks only."""
        return self.kind == "session"


class Issuer:
    """Issues JSON Web Tokens and publishes the key; run lifetime."""

    def __init__(self) -> None:
        self._key = generate_private_key(SECP256R1())
        public = {**ECAlgorithm.to_jwk(self._key.public_key(), as_dict=True), "kid": "soak", "use": "sig"}
        self._published = orjson.dumps({"keys": [public]})

    def token(self, subject: str, account: str) -> str:
        """Return a token for the rest of the run."""
        claims = {
            "iss": "https://issuer.example",
            "aud": "gateway",
            "sub": subject,
            "account": account,
            "exp": time.time() + 86_400,
            "scope": "deliveries:read sms:read logistics:read",
        }
        return jwt.encode(claims, self._key, "ES256", headers={"kid": "soak"})

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer every request with the key set."""
        del scope, receive
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(self._published))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self._published})

    @staticmethod
    def settings(url: str) -> dict[str, str]:
        """The settings of a gateway that takes its tokens."""
        return {
            "GATEWAY_AUTH__JWKS_URL": f"{url}/keys",
            "GATEWAY_AUTH__ISSUER": "https://issuer.example",
            "GATEWAY_AUTH__AUDIENCE": "gateway",
            "GATEWAY_AUTH__ALGORITHMS": "ES256",
            "GATEWAY_AUTH__ACCOUNT_CLAIM": "account",
        }


def api_key(number: int) -> str:
    """Return the key of a caller."""
    return hashlib.sha256(f"soak key {number}".encode()).hexdigest()


def tenant(number: int) -> str:
    """Return the name of the account that a caller's number leads to."""
    return f"tenant{number % TENANTS}"


class Callers:
    """All callers, each made when it is first needed; run lifetime.

    Args:
        count: How many there are: `API_KEYS` with keys, of the others nine in ten with JWTs, the rest with sessions.
        issuer: Issues the JWTs.
        credentials: Issues the session ids of the simulated single sign-on.
        gateway: Connections to the gateway, for logins.
    """

    def __init__(self, count: int, issuer: Issuer, credentials: Credentials, gateway: Connections) -> None:
        self._issuer = issuer
        self._credentials = credentials
        self._gateway = gateway
        self._logins = asyncio.Semaphore(_LOGINS_AT_ONCE)
        self._all = [Identity(number, _kind(number)) for number in range(count)]
        self.failed_logins = 0

    def __len__(self) -> int:
        return len(self._all)

    @property
    def seen(self) -> int:
        """How many have shown up so far."""
        return sum(1 for one in self._all if one.headers)

    async def get(self, number: int) -> Identity | None:
        """Return a caller with its credentials; None if its login failed, as it may during faults."""
        identity = self._all[number % len(self._all)]
        if not identity.headers:
            if identity.kind == "key":
                identity.stamp = "own" if identity.number % 2 else tenant(identity.number)
                identity.headers = {"x-api-key": api_key(identity.number)}
            elif identity.kind == "jwt":
                identity.stamp = tenant(identity.number)
                token = self._issuer.token(f"person {identity.number}", identity.stamp)
                identity.headers = {"authorization": f"Bearer {token}"}
            else:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOGIN_SECONDS):
                        await self._log_in(identity)
        return identity if identity.headers else None

    async def _log_in(self, identity: Identity) -> None:
        async with self._logins:
            session_id = self._credentials.issue_session()
            status, body = await self._gateway.post(
                "/oauth/logistics/session?token=1", orjson.dumps({"session_id": session_id}), {}
            )
        if status != 201:
            self.failed_logins += 1
            return
        identity.stamp = session_id
        identity.headers = {"authorization": f"Bearer {orjson.loads(body)['token']}"}


def _kind(number: int) -> Kind:
    if number < API_KEYS:
        return "key"
    return "jwt" if number % 10 else "session"
