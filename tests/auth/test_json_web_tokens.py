"""Tokens that must not let anybody in, each made by somebody who knows what the gateway would like to see."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest

from gateway.auth.json_web_tokens import JsonWebTokens, JwtCallers, JwtConfig
from gateway.auth.key_set import KeySet, KeysUnavailable, key_set_source
from resolvers.accounts import Account, read_scope, write_scope
from resolvers.errors import Forbidden, Unauthenticated
from resolvers.upstreams.names import UpstreamName
from tests.auth.clocks import Clock
from tests.auth.issuer import AUDIENCE, ISSUER, Issuer, public_pem

NAMELESS: dict[str, Any] = {"sub": None}
OWN, ACME = Account("own"), Account("account:acme")


def callers_of(issuer: Issuer, clock: Clock | None = None, *, claim: str | None = None) -> JwtCallers:
    clock = clock or Clock()
    keys = KeySet(key_set_source(issuer.url), clock)
    tokens = JsonWebTokens(keys, JwtConfig(ISSUER, AUDIENCE, ("RS256", "ES256")), clock)
    return JwtCallers(tokens, OWN, {"acme": ACME}, claim, clock)


def unsigned(header: dict[str, object], claims: dict[str, object]) -> str:
    """Header and claims in the form of a token, without its last part."""
    parts = (json.dumps(part).encode() for part in (header, claims))
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def good_claims() -> dict[str, object]:
    return {"iss": ISSUER, "aud": AUDIENCE, "sub": "mei", "exp": time.time() + 600, "scope": "sms:read"}


async def test_a_good_token_tells_name_scopes_and_end(issuer: Issuer) -> None:
    end = int(time.time()) + 600

    caller = await callers_of(issuer).find(issuer.token(exp=end, scope="openid sms:read deliveries:write sms:all"))

    assert caller.name == "jwt:sub:mei"
    assert caller.scopes == {read_scope(UpstreamName.SMS), write_scope(UpstreamName.DELIVERIES)}
    assert caller.account.identity == "own"
    assert caller.expires_at == end


async def test_a_client_and_a_person_of_the_same_name_are_two_callers(issuer: Issuer) -> None:
    callers = callers_of(issuer)
    tokens = [issuer.token(), issuer.token(sub=None, client_id="mei"), issuer.token(sub=None, azp="mei")]

    names = [(await callers.find(token)).name for token in tokens]

    assert names == ["jwt:sub:mei", "jwt:client_id:mei", "jwt:azp:mei"]


async def test_long_names_that_begin_alike_are_different_callers(issuer: Issuer) -> None:
    callers, common = callers_of(issuer), "x" * 200

    names = [(await callers.find(issuer.token(sub=common + end))).name for end in ("", "a", "b", "b" * 5000)]

    assert len(set(names)) == 4
    assert max(map(len, names)) < 220
    hashed = names[1].removeprefix("jwt:sub#")
    assert (await callers.find(issuer.token(sub=hashed))).name != names[1]


@pytest.mark.parametrize("claim", ["sub", "client_id", "azp"])
async def test_a_name_that_utf_8_cannot_express_is_hashed(issuer: Issuer, claim: str) -> None:
    callers = callers_of(issuer)

    tokens = [issuer.token(**{**NAMELESS, claim: name}) for name in ("\ud800", "\udfff x", "ä")]
    names = [(await callers.find(token)).name for token in tokens]

    assert [name.encode().decode() for name in names] == names
    assert len(set(names)) == 3
    assert names[0].startswith(f"jwt:{claim}#")
    assert names[2] == f"jwt:{claim}:ä"


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", ""])
@pytest.mark.parametrize("signature", ["", "AAAA"])
async def test_a_token_that_asks_not_to_be_checked_is_refused(issuer: Issuer, algorithm: str, signature: str) -> None:
    token = f"{unsigned({'alg': algorithm, 'typ': 'JWT', 'kid': 'first'}, good_claims())}.{signature}"

    with pytest.raises(Unauthenticated, match="not valid"):
        await callers_of(issuer).find(token)


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
async def test_a_token_signed_with_the_public_key_as_a_password_is_refused(issuer: Issuer, algorithm: str) -> None:
    signed = unsigned({"alg": algorithm, "kid": "first"}, good_claims())
    digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}[algorithm]
    signature = hmac.new(public_pem("first"), signed.encode(), digest).digest()

    with pytest.raises(Unauthenticated, match="not valid"):
        await callers_of(issuer).find(f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}")


async def test_a_token_of_another_algorithm_than_the_allowed_is_refused(issuer: Issuer) -> None:
    with pytest.raises(Unauthenticated, match="not valid"):
        await callers_of(issuer).find(issuer.token(algorithm="RS512"))


async def test_a_key_that_is_published_for_another_algorithm_is_not_used(issuer: Issuer) -> None:
    issuer.publish("first", alg="RS512")

    with pytest.raises(Unauthenticated, match="not valid"):
        await callers_of(issuer).find(issuer.token())


async def test_a_key_that_is_published_for_encryption_is_not_used(issuer: Issuer) -> None:
    issuer.publish("first", use="enc")

    with pytest.raises(KeysUnavailable):
        await callers_of(issuer).find(issuer.token())


async def test_a_symmetric_key_among_the_published_ones_is_not_used(issuer: Issuer) -> None:
    password = base64.urlsafe_b64encode(b"p" * 32).decode()
    issuer.server.answer("GET", "/keys", json.dumps({"keys": [{"kty": "oct", "kid": "first", "k": password}]}).encode())
    signed = unsigned({"alg": "HS256", "kid": "first"}, good_claims())
    signature = base64.urlsafe_b64encode(hmac.new(b"p" * 32, signed.encode(), hashlib.sha256).digest())

    with pytest.raises(Unauthenticated):
        await callers_of(issuer).find(f"{signed}.{signature.rstrip(b'=').decode()}")


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"aud": "another-service"}, "another audience"),
        ({"aud": ["another-service", "a-third"]}, "another audience"),
        ({"aud": None}, "lacks one of the claims"),
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"iss": f"{ISSUER}/"}, "another issuer"),
        ({"iss": None}, "lacks one of the claims"),
        ({"exp": 1_000_000_000}, "has expired"),
        ({"exp": None}, "lacks one of the claims"),
        ({"exp": "never"}, "not valid"),
        ({"nbf": 4_000_000_000}, "not valid yet"),
        ({"sub": None}, "whom it stands for"),
        ({"sub": ""}, "whom it stands for"),
    ],
)
async def test_a_token_with_a_wrong_claim_is_refused(issuer: Issuer, claims: dict[str, object], reason: str) -> None:
    told = {name: value for name, value in {**good_claims(), **claims}.items() if value is not None}
    token = issuer.sign(unsigned({"alg": "RS256", "kid": "first"}, told))

    with pytest.raises(Unauthenticated, match=reason):
        await callers_of(issuer).find(token)


@pytest.mark.parametrize("header", [{"kid": 7}, {"kid": ["first"]}, {"kid": "first", "crit": ["exp"]}])
async def test_a_token_with_a_header_that_cannot_be_followed_is_refused(
    issuer: Issuer, header: dict[str, object]
) -> None:
    token = issuer.sign(unsigned({"alg": "RS256", **header}, good_claims()))

    with pytest.raises(Unauthenticated, match="not valid"):
        await callers_of(issuer).find(token)


async def test_a_token_signed_by_somebody_else_under_a_known_id_is_refused(issuer: Issuer) -> None:
    with pytest.raises(Unauthenticated, match="not valid"):
        await callers_of(issuer).find(issuer.token(key="stranger", key_id="first"))


@pytest.mark.parametrize("token", ["a.b.c", "..", f"{'[' * 5000}.e30.AAAA", "é.é.é"])
async def test_what_is_no_token_is_refused(issuer: Issuer, token: str) -> None:
    deep = base64.urlsafe_b64encode(token.partition(".")[0].encode()).rstrip(b"=").decode()

    for one in (token, f"{deep}.e30.AAAA"):
        with pytest.raises(Unauthenticated, match="not valid"):
            await callers_of(issuer).find(one)


async def test_no_refusal_repeats_the_token(issuer: Issuer) -> None:
    token = issuer.token(aud="another-service")

    with pytest.raises(Unauthenticated) as refused:
        await callers_of(issuer).find(token)

    assert token not in str(refused.value)
    assert refused.value.__cause__ is None


async def test_a_remembered_token_ends_at_its_time(issuer: Issuer) -> None:
    clock = Clock()
    callers, token = callers_of(issuer, clock), issuer.token()
    await callers.find(token)
    clock.advance(606)

    with pytest.raises(Unauthenticated, match="has expired"):
        await callers.find(token)


async def test_a_token_is_checked_once_in_five_minutes(issuer: Issuer) -> None:
    clock = Clock()
    callers, token = callers_of(issuer, clock), issuer.token()

    first = await callers.find(token)
    again = await callers.find(token)
    clock.advance(301)
    later = await callers.find(token)

    assert first is again
    assert first is not later


@pytest.mark.parametrize("scope", [None, "", "openid", 7, {"sms:read": True}, "sms:read,deliveries:read", [7, None]])
async def test_a_token_without_scopes_of_ours_may_do_nothing(issuer: Issuer, scope: object) -> None:
    caller = await callers_of(issuer).find(issuer.token(scope=scope))

    assert caller.scopes == frozenset()


async def test_the_account_claim_names_the_account(issuer: Issuer) -> None:
    caller = await callers_of(issuer, claim="tenant").find(issuer.token(tenant="acme"))

    assert caller.account.identity == "account:acme"


@pytest.mark.parametrize("tenant", [None, "", "own", "other", "ACME", 7, ["acme"], "account:acme"])
async def test_a_claim_that_names_no_account_never_gets_the_gateway_s_own(issuer: Issuer, tenant: object) -> None:
    with pytest.raises(Forbidden, match="names no account"):
        await callers_of(issuer, claim="tenant").find(issuer.token(tenant=tenant))
