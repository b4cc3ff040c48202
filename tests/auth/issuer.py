"""An issuer of JSON Web Tokens that publishes its keys on a real socket."""

import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

from tests.upstreams.recording_server import RecordingServer, recording_server

ISSUER = "https://issuer.example"
AUDIENCE = "gateway"


@cache
def rsa_key(name: str) -> RSAPrivateKey:
    """A key, made once for all tests that call it so."""
    del name
    return generate_private_key(public_exponent=65537, key_size=2048)


def public_pem(name: str) -> bytes:
    """The public half, as it could stand on a web page."""
    return rsa_key(name).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


class Issuer:
    """Signs tokens and publishes keys; the key's name is its id."""

    def __init__(self, server: RecordingServer) -> None:
        self.server = server
        self.publish("first")

    @property
    def url(self) -> str:
        return f"{self.server.url}/keys"

    @property
    def fetches(self) -> int:
        return len(self.server.requests)

    def publish(self, *names: str, status: int = 200, **more: object) -> None:
        """Publish these keys from now on."""
        keys = [
            {**RSAAlgorithm.to_jwk(rsa_key(name).public_key(), as_dict=True), "kid": name, "use": "sig", **more}
            for name in names
        ]
        self.server.answer("GET", "/keys", json.dumps({"keys": keys}).encode(), status=status)

    def token(self, *, key: str = "first", algorithm: str = "RS256", key_id: str | None = None, **claims: Any) -> str:  # noqa: ANN401 - any claim
        """A token that is right but for these claims; one that is None is left out, and an empty key_id."""
        good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "mei", "exp": time.time() + 600, "scope": "sms:read"}
        told = {name: value for name, value in {**good, **claims}.items() if value is not None}
        named = key if key_id is None else key_id
        return jwt.encode(told, rsa_key(key), algorithm, headers={"kid": named} if named else None)

    def sign(self, unsigned: str, key: str = "first") -> str:
        """Sign whatever stands there, right or wrong."""
        signature = RSAAlgorithm(RSAAlgorithm.SHA256).sign(unsigned.encode(), rsa_key(key))
        return f"{unsigned}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


@asynccontextmanager
async def running_issuer() -> AsyncIterator[Issuer]:
    """An issuer for as long as the block runs."""
    async with recording_server() as server:
        yield Issuer(server)


def settings_for(issuer: Issuer) -> dict[str, str]:
    """The settings of a gateway that takes its tokens and lets nobody else in."""
    return {
        "GATEWAY_AUTH__ANONYMOUS": "false",
        "GATEWAY_AUTH__JWKS_URL": issuer.url,
        "GATEWAY_AUTH__ISSUER": ISSUER,
        "GATEWAY_AUTH__AUDIENCE": AUDIENCE,
    }


def bearer(token: str) -> dict[str, str]:
    """The header that shows a token."""
    return {"authorization": f"Bearer {token}"}
