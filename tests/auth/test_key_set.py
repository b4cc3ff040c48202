"""How the issuer's keys are fetched, kept and changed, and why they could not be fetched."""

import asyncio
import json
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, EllipticCurve, generate_private_key
from jwt import PyJWK
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from gateway.auth.json_web_tokens import JsonWebTokens, JwtConfig
from gateway.auth.key_set import (
    IDLE_SECONDS,
    MAX_AGE_SECONDS,
    MAX_BYTES,
    PAUSE_SECONDS,
    KeySet,
    KeySetUnreadable,
    KeysUnavailable,
    key_set_source,
)
from resolvers.errors import Unauthenticated
from resolvers.upstreams.transport.wire import failures
from tests.auth.clocks import Clock
from tests.auth.issuer import AUDIENCE, ISSUER, Issuer, rsa_key
from tests.upstreams.transport.wire.certificates import server_context, write_certificate
from tests.upstreams.transport.wire.talking_server import answering, saying, serving


def tokens_of(issuer: Issuer, clock: Clock) -> JsonWebTokens:
    return JsonWebTokens(KeySet(key_set_source(issuer.url), clock), JwtConfig(ISSUER, AUDIENCE, ("RS256",)), Clock())


def rsa_jwk(name: str) -> dict[str, object]:
    return {**RSAAlgorithm.to_jwk(rsa_key(name).public_key(), as_dict=True), "kid": name}


def ec_jwk(curve: EllipticCurve) -> dict[str, object]:
    return {**ECAlgorithm.to_jwk(generate_private_key(curve).public_key(), as_dict=True), "kid": curve.name}


def key_set(*keys: dict[str, object]) -> bytes:
    return json.dumps({"keys": keys}).encode()


PUBLISHED: Final = {
    "rsa": rsa_jwk("first"),
    "another rsa": rsa_jwk("second"),
    "rsa for RS256": {**rsa_jwk("second"), "alg": "RS256"},
    "rsa for RS512": {**rsa_jwk("first"), "alg": "RS512"},
    "rsa for PS256": {**rsa_jwk("first"), "alg": "PS256"},
    "rsa for encryption": {**rsa_jwk("second"), "use": "enc"},
    "rsa for signing alone": {**rsa_jwk("second"), "key_ops": ["sign"]},
    "rsa without an id": {name: value for name, value in rsa_jwk("first").items() if name != "kid"},
    "ec": ec_jwk(SECP256R1()),
    "ec384": ec_jwk(SECP384R1()),
}


async def ask_again_and_again(tokens: JsonWebTokens, issuer: Issuer) -> None:
    """Let the keys be fetched in the background meanwhile."""
    async with asyncio.timeout(5):
        while True:
            await tokens.claims(issuer.token())
            await asyncio.sleep(0.01)


async def test_many_tokens_at_once_fetch_the_keys_once(issuer: Issuer) -> None:
    tokens = tokens_of(issuer, Clock())

    checked = await asyncio.gather(*(tokens.claims(issuer.token(sub=f"caller-{number}")) for number in range(20)))

    assert [claims["sub"] for claims in checked] == [f"caller-{number}" for number in range(20)]
    assert issuer.fetches == 1


async def test_a_key_that_the_issuer_has_begun_to_use_is_fetched(issuer: Issuer) -> None:
    clock = Clock()
    tokens = tokens_of(issuer, clock)
    await tokens.claims(issuer.token())
    issuer.publish("first", "second")
    clock.advance(PAUSE_SECONDS)

    claims = await tokens.claims(issuer.token(key="second"))

    assert claims["sub"] == "mei"
    assert issuer.fetches == 2


async def test_tokens_with_made_up_key_ids_do_not_hammer_the_issuer(issuer: Issuer) -> None:
    clock = Clock()
    tokens = tokens_of(issuer, clock)
    for number in range(50):
        with pytest.raises(Unauthenticated, match="not valid"):
            await tokens.claims(issuer.token(key_id=f"made-up-{number}"))

    assert issuer.fetches == 1
    clock.advance(PAUSE_SECONDS)
    with pytest.raises(Unauthenticated, match="not valid"):
        await tokens.claims(issuer.token(key_id="made-up"))
    assert issuer.fetches == 2


async def test_a_key_that_the_issuer_has_withdrawn_counts_no_longer(issuer: Issuer) -> None:
    clock = Clock()
    tokens = tokens_of(issuer, clock)
    await tokens.claims(issuer.token())
    issuer.publish("second")
    clock.advance(MAX_AGE_SECONDS + 1)

    with pytest.raises(Unauthenticated, match="not valid"):
        await ask_again_and_again(tokens, issuer)
    assert issuer.fetches == 2


async def test_a_key_that_was_withdrawn_while_nobody_asked_for_a_day_counts_no_longer(issuer: Issuer) -> None:
    clock = Clock()
    tokens = tokens_of(issuer, clock)
    await tokens.claims(issuer.token())
    issuer.publish("second")
    clock.advance(IDLE_SECONDS + 1)

    with pytest.raises(Unauthenticated, match="not valid"):
        await tokens.claims(issuer.token())


async def test_a_known_key_never_waits_for_an_issuer_that_hangs() -> None:
    clock, hanging, fetches = Clock(), asyncio.Event(), []

    async def fetch() -> bytes:
        fetches.append(clock())
        if len(fetches) > 1:
            await hanging.wait()
        return key_set(rsa_jwk("first"))

    keys = KeySet(fetch, clock)
    first = await keys.key("first", "RS256")
    clock.advance(MAX_AGE_SECONDS + 1)

    async with asyncio.timeout(1):
        for _ in range(3):
            assert await keys.key("first", "RS256") is first
            clock.advance(PAUSE_SECONDS)
            await asyncio.sleep(0)

    assert len(fetches) == 2
    hanging.set()
    await keys.key("made-up", "RS256")
    assert await keys.key("first", "RS256") is not first
    assert len(fetches) == 2


async def test_an_issuer_that_answers_byte_by_byte_is_given_up_in_time() -> None:
    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with serving(drip) as server:
        fetch = key_set_source(server.url, seconds=0.2)
        with pytest.raises(KeySetUnreadable, match="did not answer within"):
            await fetch()


@pytest.mark.parametrize(
    ("published", "algorithm", "found"),
    [
        (["rsa"], "RS256", "rsa"),
        (["rsa", "ec"], "RS256", "rsa"),
        (["rsa", "ec"], "ES256", "ec"),
        (["rsa", "ec", "ec384"], "ES384", "ec384"),
        (["rsa for RS256", "rsa for RS512"], "RS512", "rsa for RS512"),
        (["rsa for RS256", "rsa for PS256"], "RS512", None),
        (["rsa", "another rsa"], "RS256", None),
        (["rsa", "rsa for RS256"], "RS256", None),
        (["rsa", "rsa for RS256"], "RS512", "rsa"),
        (["rsa for encryption", "rsa"], "RS256", "rsa"),
        (["rsa for signing alone", "rsa"], "RS256", "rsa"),
        (["rsa without an id"], "RS256", "rsa without an id"),
        (["ec"], "RS256", None),
        (["ec"], "EdDSA", None),
    ],
)
async def test_a_token_without_an_id_is_checked_by_the_only_key_that_fits(
    published: list[str], algorithm: str, found: str | None
) -> None:
    body = key_set(*(PUBLISHED[name] for name in published))

    async def fetch() -> bytes:
        return body

    key = await KeySet(fetch, Clock()).key(None, algorithm)

    expected = PyJWK(PUBLISHED[found], algorithm).key.public_numbers() if found else None
    assert (key.key.public_numbers() if key else None) == expected


async def test_a_token_without_an_id_gets_in_by_the_only_key_and_not_by_another(issuer: Issuer) -> None:
    tokens = tokens_of(issuer, Clock())

    assert (await tokens.claims(issuer.token(key_id="")))["sub"] == "mei"
    with pytest.raises(Unauthenticated, match="not valid"):
        await tokens.claims(issuer.token(key="stranger", key_id=""))


async def test_of_keys_of_one_id_the_one_of_the_right_kind_is_used() -> None:
    rsa, ec = {**PUBLISHED["rsa"], "kid": "same"}, {**PUBLISHED["ec"], "kid": "same"}

    async def fetch() -> bytes:
        return key_set(rsa, ec)

    keys = KeySet(fetch, Clock())
    found = [await keys.key("same", algorithm) for algorithm in ("RS256", "ES256")]

    assert [key.key_type for key in found if key] == ["RSA", "EC"]


async def test_known_keys_go_on_counting_while_the_issuer_is_down(
    issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    tokens = tokens_of(issuer, clock)
    await tokens.claims(issuer.token())
    issuer.publish(status=503)
    clock.advance(MAX_AGE_SECONDS + 1)

    with caplog.at_level(logging.WARNING):
        async with asyncio.timeout(5):
            while "answered 503" not in caplog.text:
                claims = await tokens.claims(issuer.token(sub="later"))
                await asyncio.sleep(0.01)

    assert claims["sub"] == "later"
    assert issuer.fetches == 2


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 500),
        (b"<html>", 200),
        (b'{"keys": []}', 200),
        (b'{"keys": {}}', 200),
        (b"[" * 100_000, 200),
        (b" " * (MAX_BYTES + 1), 200),
    ],
)
async def test_a_token_cannot_be_checked_without_keys_and_may_be_right(
    issuer: Issuer, body: bytes, status: int
) -> None:
    issuer.server.answer("GET", "/keys", body, status=status)

    with pytest.raises(KeysUnavailable) as refused:
        await tokens_of(issuer, Clock()).claims(issuer.token())

    assert refused.value.retry_after == PAUSE_SECONDS
    assert refused.value.code == "UNAUTHENTICATED"


async def test_a_redirect_to_other_keys_is_not_followed(issuer: Issuer) -> None:
    elsewhere = {"location": issuer.url + "-of-somebody-else"}
    issuer.server.answer("GET", "/keys", status=302, headers=elsewhere)

    with pytest.raises(KeysUnavailable):
        await tokens_of(issuer, Clock()).claims(issuer.token())

    assert [request.path for request in issuer.server.requests] == ["/keys"]


async def test_an_issuer_that_cannot_be_reached_is_no_error_of_ours() -> None:
    keys = KeySet(key_set_source("http://127.0.0.1:9/keys"), Clock())

    with pytest.raises(KeysUnavailable):
        await keys.key("first", "RS256")


DAY: Final = timedelta(days=1)


@pytest.mark.parametrize(
    ("certificate", "is_trusted", "reason"),
    [
        ({"begins": -2 * DAY, "ends": -DAY}, True, failures.EXPIRED),
        ({"begins": DAY, "ends": 2 * DAY}, True, failures.NOT_YET_VALID),
        ({"host": "issuer.example.com"}, True, failures.OTHER_NAME),
        ({}, False, failures.UNKNOWN_CA),
    ],
)
async def test_what_is_wrong_with_an_issuers_certificate_is_named(
    certificate: dict[str, Any],
    *,
    is_trusted: bool,
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = write_certificate(tmp_path, **certificate)
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
    async with serving(answering(b"{}"), server_context(file)) as issuer:
        with pytest.raises(KeySetUnreadable) as failed:
            await key_set_source(issuer.url)()

    assert str(failed.value) == f"{issuer.url} did not answer properly: {reason}"


@pytest.mark.parametrize(
    ("url", "reason"),
    [("http://127.0.0.1:1/keys", failures.REFUSED), ("http://nowhere.invalid/keys", failures.NOT_FOUND)],
)
async def test_what_is_wrong_with_an_issuers_address_is_named(url: str, reason: str) -> None:
    with pytest.raises(KeySetUnreadable) as failed:
        await key_set_source(url)()

    assert str(failed.value) == f"{url} did not answer properly: {reason}"


async def test_an_issuer_that_breaks_off_is_told_by_the_kind_of_error() -> None:
    async with serving(saying(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", then_close=True)) as issuer:
        with pytest.raises(KeySetUnreadable) as failed:
            await key_set_source(issuer.url)()

    assert str(failed.value) == f"{issuer.url} did not answer properly: RemoteProtocolError"
