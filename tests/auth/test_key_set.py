"""How the issuer's keys are kept, changed and fetched."""

import asyncio
import logging

import pytest

from gateway.auth.json_web_tokens import JsonWebTokens, JwtConfig
from gateway.auth.key_set import MAX_AGE_SECONDS, PAUSE_SECONDS, KeySet, KeysUnavailable
from gateway.auth.key_set_source import MAX_BYTES, key_set_source
from resolvers.errors import Unauthenticated
from tests.auth.clocks import Clock
from tests.auth.issuer import AUDIENCE, ISSUER, Issuer


def tokens_of(issuer: Issuer, clock: Clock) -> JsonWebTokens:
    return JsonWebTokens(KeySet(key_set_source(issuer.url), clock), JwtConfig(ISSUER, AUDIENCE, ("RS256",)), Clock())


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
        await tokens.claims(issuer.token())


async def test_known_keys_go_on_counting_while_the_issuer_is_down(
    issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    tokens = tokens_of(issuer, clock)
    await tokens.claims(issuer.token())
    issuer.publish(status=503)
    clock.advance(MAX_AGE_SECONDS + 1)

    with caplog.at_level(logging.WARNING):
        claims = await tokens.claims(issuer.token(sub="later"))

    assert claims["sub"] == "later"
    assert "answered 503" in caplog.text


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
